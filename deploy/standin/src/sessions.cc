#include "sessions.h"

namespace standin {

std::atomic<int>& sessions() {
  static std::atomic<int> count{0};
  return count;
}

}  // namespace standin
