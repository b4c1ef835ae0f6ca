#include "failpoints.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "scheduling/failpoint.hpp"

namespace baton::serve {
namespace {

constexpr std::array<std::string_view, 13> names{"create_run-before-message",
                                                 "marked-before-publish",
                                                 "desired-before-publish",
                                                 "pass-begun",
                                                 "before-commit",
                                                 "job-ended-before-commit",
                                                 "after-commit",
                                                 "commit-before-submit",
                                                 "end-committed-before-release",
                                                 "commit-before-messages",
                                                 "act-before-unlock",
                                                 "act-before-ack",
                                                 "published-before-told"};

}  // namespace

std::span<const std::string_view> failpoint_names() { return names; }

}  // namespace baton::serve

namespace baton {

void failpoint(std::string_view name, const core::RunKey& run) {
  BATON_ASSERT(std::ranges::find(serve::names, name) != serve::names.end());
  static const char* const setting = std::getenv("BATON_FAILPOINT");
  if (setting == nullptr) return;
  const std::string_view wanted(setting);
  const auto at = wanted.find('@');
  if (wanted.substr(0, at) != name) return;
  if (at != std::string_view::npos && wanted.substr(at + 1) != run.project.value()) return;
  static const char* const throws = std::getenv("BATON_FAILPOINT_THROWS");
  if (throws != nullptr) throw std::runtime_error("a fault at " + std::string(name));
  static const char* const stops = std::getenv("BATON_FAILPOINT_STOPS");
  if (stops == nullptr) ::kill(::getpid(), SIGKILL);
  static bool stopped = false;
  if (!std::exchange(stopped, true)) ::kill(::getpid(), SIGSTOP);  // who lets it go on finds it where it stood
}

}  // namespace baton
