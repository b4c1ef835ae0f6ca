/// Being there while a run goes on: telling its progress, and taking a person's word for its end.
#pragma once

#include "cli/engine.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"

namespace baton::cli {

/// What a person has said with Ctrl-C, SIGTERM or SIGHUP since this was made.
class Interrupts {
 public:
  /// Until follow() has the run: one ends the process where no run is open yet, however long the files take to read; else follow() will
  /// hear of it. A second one ends it in any case.
  Interrupts(Session& session, Engine& engine);
  ~Interrupts() { session_.house.on_interrupt({}); }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  [[nodiscard]] int count() const { return count_; }
  void following(bool now) { following_ = now; }

 private:
  Session& session_;
  Engine& engine_;
  int count_ = 0;
  bool following_ = false;
};

/// Follows a run until it is final and owes nothing (or only what cannot be had soon), telling of it. An interrupt cancels it, a second
/// one kills. Gives the run as it ended. Errors: run.held (its passes fail) · what troubles its passes for too long; the run then goes on
/// with the next `baton run`.
awaitable<Result<RunView>> follow(Session& session, Engine& engine, Store& store, core::RunKey run, Interrupts& interrupts,
                                  Progress& progress);

}  // namespace baton::cli
