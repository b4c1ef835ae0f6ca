/// Switches that break one rule each, so that a test can prove that the simulation finds the break. Without BATON_MUTANTS (that is, in
/// every release binary) each is a constant false and leaves no trace.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace baton::core {

enum class Mutant : std::uint8_t {
  none,
  wake_up_dropped,         ///< a wake-up of a run that is pending already changes nothing (R4)
  mark_clock,              ///< commit compares the mark with the clock, not with the mark that was read (R4)
  fence_unchecked,         ///< the store takes a commit with an old fence (R3)
  early_ack,               ///< the message is acknowledged before the commit
  no_claim,                ///< a job begins whether or not its name is claimed (R15)
  no_bar,                  ///< an unknown job is lost or aborted without being barred first (R6)
  early_release,           ///< jobs are released before the commit of their ends
  success_before_outputs,  ///< SUCCESS when the job has finished, without its result (R2)
  no_next_event,           ///< a commit leaves no wake_at (R16)
  message_first,           ///< the message of a desire is published before its mark is written (R4)
  woken_ignored,           ///< a commit's "the mark moved meanwhile" is not heard
  settle_when_woken,       ///< a woken pass settles what is owed (R9)
  told_first,              ///< the relay takes a message out of the outbox before it is published
  fence_given_twice,       ///< a store that lost its last commits gives their fences again (R3)
  lost_commits_known,      ///< what a replica read of a run counts on after the store has lost it
  no_room_no_wake,         ///< a run that finds no room, and has nothing of its own there, has no next event (R16, R17)
};
inline constexpr int mutant_count = 17;  ///< with `none`

[[nodiscard]] std::string_view to_text(Mutant mutant);
[[nodiscard]] std::optional<Mutant> mutant_from(std::string_view text);

#ifdef BATON_MUTANTS
/// The one mutant that is on; of the whole process. Written before the threads of a test begin.
inline Mutant mutant_on = Mutant::none;
[[nodiscard]] inline bool mutant(Mutant which) { return mutant_on == which; }
#else
[[nodiscard]] constexpr bool mutant(Mutant) { return false; }
#endif

}  // namespace baton::core
