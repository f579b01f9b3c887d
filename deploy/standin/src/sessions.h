#ifndef STANDIN_SESSIONS_H
#define STANDIN_SESSIONS_H

#include <atomic>

namespace standin {

// Sessions that were made in this process.
std::atomic<int>& sessions();

}  // namespace standin

#endif
