// Part of each test binary that has mutants: BATON_MUTANT=NAME breaks that rule before the first test (tests/scripts/test_weaknesses.py).
#include <cstdio>
#include <cstdlib>

#include "core/mutants.hpp"

namespace baton::test {
namespace {

[[maybe_unused]] const bool is_switched = [] {
  const char* name = std::getenv("BATON_MUTANT");
  if (name == nullptr) return false;
  const auto found = core::mutant_from(name);
  if (!found) {
    std::fprintf(stderr, "BATON_MUTANT: there is no mutant '%s'\n", name);
    std::exit(64);
  }
  core::mutant_on = *found;
  return true;
}();

}  // namespace
}  // namespace baton::test
