/// Places where a test lets the process die: one for each row of ARCHITECTURE.md's table "What a crash does". Without BATON_FAILPOINTS (that
/// is, in every release binary) they do nothing and leave no trace.
#pragma once

#include <string_view>

#include "core/run.hpp"

namespace baton {

#ifdef BATON_FAILPOINTS
/// Defined by the binary that is built to fail, which has the list of names: does not return if it was told to die here, for this run.
void failpoint(std::string_view name, const core::RunKey& run);
#else
constexpr void failpoint(std::string_view, const core::RunKey&) {}
#endif

}  // namespace baton
