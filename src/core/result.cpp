#include "core/result.hpp"

#include <cstdio>
#include <cstdlib>

namespace baton {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "baton: broken invariant at %s:%d: %s\n", file, line, expression);
  std::abort();
}

}  // namespace baton
