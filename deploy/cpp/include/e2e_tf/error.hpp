// Errors of the builder: one sentence that names what was wrong, what is accepted and what came.
#ifndef E2E_TF_ERROR_HPP
#define E2E_TF_ERROR_HPP

#include <stdexcept>
#include <string>

namespace e2e_tf {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace e2e_tf

// Distances are compared bit for bit with Python's: a product and a sum must not become one operation.
#if defined(__clang__)
#define E2E_TF_EXACT
#define E2E_TF_EXACT_BODY _Pragma("clang fp contract(off)")
#elif defined(__GNUC__)
#define E2E_TF_EXACT __attribute__((optimize("fp-contract=off")))
#define E2E_TF_EXACT_BODY
#else
#define E2E_TF_EXACT
#define E2E_TF_EXACT_BODY
#endif

#endif
