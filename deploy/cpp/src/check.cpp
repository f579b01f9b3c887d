// e2e_tf_check build ... is e2e_tf_build ..., e2e_tf_check fuzz ... is e2e_tf_fuzz ... with its own mutations.
#include "build_tensors.cpp"
#include "fuzz.cpp"

int main(int argc, char** argv) {
  const std::string tool = argc > 1 ? argv[1] : "";
  if (tool == "build") return build_tensors(argc - 1, argv + 1);
  if (tool == "fuzz") return fuzz(argc - 1, argv + 1);
  std::cerr << "usage: e2e_tf_check build|fuzz ARGUMENTS\n";
  return 2;
}
