/// Of the binary that is built to fail. BATON_FAILPOINT=NAME: dies by SIGKILL where a run first comes to that place;
/// BATON_FAILPOINT=NAME@PROJECT: when a run of that project does. With BATON_FAILPOINT_STOPS=1 it is stopped there (SIGSTOP), once.
#pragma once

#include <span>
#include <string_view>

namespace baton::serve {

[[nodiscard]] std::span<const std::string_view> failpoint_names();

}  // namespace baton::serve
