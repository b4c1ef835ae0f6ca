/// What one pass does with one run: the only code that knows what a change of state means.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/announcement.hpp"
#include "core/job.hpp"
#include "core/run.hpp"

namespace baton::core {

struct Policy {
  std::uint32_t room = 64;  ///< how many more jobs may be handed to the backend (R17)
  bool yields = false;      ///< other runs of the user wait for that room, and it is not this one's turn: nothing is handed over
  bool kill = false;        ///< cancel without the soft way first (Ctrl-C twice)
  Duration ask_again_min = std::chrono::seconds(5);     ///< R16: doubling from here …
  Duration ask_again_max = std::chrono::seconds(60);    ///< … to here
  Duration no_room_max = std::chrono::minutes(10);      ///< a run that waits for room looks for it itself after so long
  Duration lacking_max = std::chrono::minutes(10);      ///< waiting for resources, then FAILED
  Duration cancel_patience = std::chrono::minutes(10);  ///< BATON_CANCEL_PATIENCE (R11)
  bool waits_may_expire = true;                         ///< false: the store's clock has just jumped (R5)
  bool announce = false;                                ///< somebody listens: fill Decision::announcements
};

struct Kill {
  JobId job;
  bool hard = false;  ///< the soft way was tried and its grace is over
  bool operator==(const Kill&) const = default;
};

struct Decision {
  // what commit writes
  std::vector<TaskRecord> tasks;        ///< by task, each once
  std::vector<AttemptRecord> attempts;  ///< begun or ended now
  std::vector<JobId> settle;            ///< what they owe was seen done: see settled(); a woken pass settles nothing (R9)
  State result = State::published;
  std::optional<Instant> started, ended;    ///< of the run; as they shall stand in the row
  std::optional<Instant> no_room_since;     ///< as well
  std::optional<Instant> wake_at;           ///< the earliest of all that the run waits for (R16)
  std::vector<Announcement> announcements;  ///< for the outbox, in order
  // what act does, after the commit
  std::vector<Job> submit;
  std::vector<JobId> bar;
  std::vector<Kill> cancel;
  std::vector<JobId> release;

  [[nodiscard]] bool acts() const { return !submit.empty() || !bar.empty() || !cancel.empty() || !release.empty(); }
};

/// What `decide` announces: its decision as news for those who listen, derived from the run as it was before.
[[nodiscard]] std::vector<Announcement> announcements(const Run& run, const Decision& decision, Instant now);

/// Pure: equal arguments give equal decisions. Cost: O(what changed, is due or became ready), no I/O.
/// @param run   the run as read under its fence, with its index
/// @param seen  the news, at most one entry per job, in any order; a job without an entry is as last seen; of jobs that are not the run's
///              own (any more) nothing is taken
/// @param now   the store's clock, never this host's
/// @return at most one record per task. Cannot fail: a view that breaks an invariant of Run stops the process (BATON_ASSERT).
/// Source: design "The pass"; C§1.4 to C§1.8; where we differ: docs/decisions/.
[[nodiscard]] Decision decide(const Run& run, std::span<const Observation> seen, const Policy& policy, Instant now);

}  // namespace baton::core
