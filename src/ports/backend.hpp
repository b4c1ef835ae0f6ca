/// Where jobs run. All methods are idempotent by job id. A job is begun at most once, whoever sends it how often (R15).
#pragma once

#include <optional>
#include <vector>

#include "core/decide.hpp"
#include "core/job.hpp"
#include "ports/runtime.hpp"

namespace baton {

/// A place in a run's news. `begin()`: this replica knows nothing; the backend forgets what it told it before.
struct Cursor {
  std::uint64_t value = 0;
  static Cursor begin() { return {}; }
};
struct Observed {
  std::vector<core::Observation> news;  ///< at most one per job: its newest
  Cursor cursor;                        ///< give it back once the news are committed; else give the old one
  std::optional<Error> trouble;         ///< why jobs that were asked for are `silent`, where that is known
};
/// Something happened to these jobs of this run: wake it. No jobs: the stream was lost, everything may have happened.
struct Push {
  core::RunKey run;
  std::vector<JobId> jobs;
};
struct JobProgress {
  core::RunKey run;
  JobId job;
  double progress = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  /// Hands jobs over, and follows them. A job that was barred, or has begun or ended, is not begun again: its news say so.
  /// Errors: backend.unavailable (some may have arrived).
  virtual awaitable<Result<void>> submit(std::vector<core::Job> jobs) = 0;
  /// What is new of the run's jobs after `after`, and in any case an answer for each of `ask`: those are followed first, then looked up,
  /// so that nothing falls between. What cannot be asked is `silent`; never an error.
  virtual awaitable<Observed> observe(core::RunKey run, std::vector<JobId> ask, Cursor after) = 0;
  /// Takes the claims of jobs that must never begin. The answer (barred, or begun) is an observation and a push.
  virtual awaitable<Result<void>> bar(core::RunKey run, std::vector<JobId> jobs) = 0;
  /// Stops what runs: TERM, after the step's grace KILL; `hard`: KILL at once. One that has not begun is barred.
  virtual awaitable<Result<void>> cancel(core::RunKey run, std::vector<core::Kill> jobs) = 0;
  /// Forgets jobs that have ended: afterwards they are `unknown`. One that runs is not touched.
  virtual awaitable<Result<void>> release(core::RunKey run, std::vector<JobId> jobs) = 0;
  /// Lets go of these jobs of a run: another replica follows them now. No pushes of them any more, what is known of them is forgotten; they
  /// go on. One that has ended is kept, with its result, until it is released: else two replicas that take turns would fetch it for ever.
  /// To follow them again: `observe` with Cursor::begin(), asking for them. Not while another call about this run waits.
  virtual void unfollow(const core::RunKey& run, const std::vector<JobId>& jobs) = 0;
  /// The run is over: what was released of it need not be remembered any more.
  virtual void forget_run(const core::RunKey& run) = 0;
  /// The next pushes, at least one; waits. Errors: backend.closed.
  virtual awaitable<Result<std::vector<Push>>> pushes() = 0;
  /// Progress that jobs told since the last call; never waits.
  virtual std::vector<JobProgress> take_progress() = 0;
  /// How many jobs it can run at a time; room is counted from it (R17).
  [[nodiscard]] virtual std::uint32_t slots() const = 0;
  /// No further pushes.
  virtual void close() = 0;
};

}  // namespace baton
