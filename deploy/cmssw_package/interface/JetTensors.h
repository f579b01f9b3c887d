#ifndef @GUARD@_JetTensors_h
#define @GUARD@_JetTensors_h

// The input tensors of the model, made from jets and their candidates by the builder that the model's bundle was
// validated with.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "DataFormats/Candidate/interface/Candidate.h"
#include "DataFormats/Common/interface/View.h"

namespace @NAMESPACE@ {

  // float32, in C order. No tensor has rank 0, and dimension 0 is the batch.
  struct Tensors {
    std::vector<std::string> names;
    std::vector<std::vector<float>> values;
    std::vector<std::vector<int64_t>> shapes;
  };

  class JetTensors {
  public:
    // Throws cms::Exception("Configuration") that names every variable of preprocess.json which jets cannot give.
    explicit JetTensors(const std::string& preprocess);
    ~JetTensors();

    // Whether the model wants the event's pileup density.
    bool needsRho() const;

    // Whether jets have a quantity of this name, and its value.
    static bool gives(const std::string& name);
    static float quantity(const std::string& name, const reco::Candidate& jet, double rho);

    // Tensors of jets first to last - 1. Jets are pat::Jet (AK4 or AK8) or pat::Tau of MiniAOD; rho [GeV per unit area]
    // counts where it is needed.
    Tensors operator()(const edm::View<reco::Candidate>& jets, std::size_t first, std::size_t last, double rho) const;

  private:
    struct Implementation;
    std::unique_ptr<const Implementation> implementation_;
  };

}  // namespace @NAMESPACE@

#endif
