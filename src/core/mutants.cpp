#include "core/mutants.hpp"

#include <array>

namespace baton::core {

// In a release binary neither these names nor the functions are linked in: nobody calls them.
namespace {
constexpr std::array<std::string_view, mutant_count> names{"none",
                                                           "wake_up_dropped",
                                                           "mark_clock",
                                                           "fence_unchecked",
                                                           "early_ack",
                                                           "no_claim",
                                                           "no_bar",
                                                           "early_release",
                                                           "success_before_outputs",
                                                           "no_next_event",
                                                           "message_first",
                                                           "woken_ignored",
                                                           "settle_when_woken",
                                                           "told_first",
                                                           "fence_given_twice",
                                                           "lost_commits_known",
                                                           "no_room_no_wake",
                                                           "unsent_waited_for",
                                                           "token_of_replica",
                                                           "mix_leaves",
                                                           "started_again",
                                                           "view_read_back",
                                                           "start_unchecked",
                                                           "never_marked_forgotten",
                                                           "unpublished_forgotten",
                                                           "own_clock",
                                                           "failures_forgotten",
                                                           "each_wake_published",
                                                           "backlog_fed",
                                                           "wait_restarted",
                                                           "propagated_again",
                                                           "commit_unchecked"};
}

std::string_view to_text(Mutant mutant) { return names.at(static_cast<std::size_t>(mutant)); }

std::optional<Mutant> mutant_from(std::string_view text) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names.at(i) == text) return static_cast<Mutant>(i);
  }
  return std::nullopt;
}

}  // namespace baton::core
