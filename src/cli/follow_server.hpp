/// Being there while a run goes on at a server, which it does without us.
#pragma once

#include <map>

#include "cli/progress.hpp"
#include "cli/session.hpp"

namespace baton::cli {

/// What a person has said with Ctrl-C, SIGTERM or SIGHUP since this was made: to detach from the run, or, with --cancel-on-interrupt, to
/// cancel it, and to kill it. Ends the process where it cannot be obeyed soon.
class RemoteInterrupts {
 public:
  explicit RemoteInterrupts(Session& session);
  ~RemoteInterrupts() { session_.house.on_interrupt({}); }
  RemoteInterrupts(const RemoteInterrupts&) = delete;
  RemoteInterrupts& operator=(const RemoteInterrupts&) = delete;
  [[nodiscard]] int count() const { return count_; }
  [[nodiscard]] bool cancels() const { return cancels_; }
  /// Notifies of each from now on; until then detaching ends the process at once.
  void following(Event* event) { event_ = event; }

 private:
  Session& session_;
  Event* event_ = nullptr;
  bool cancels_;
  int count_ = 0;
};

struct Followed {
  RunView run;  ///< as it ended, or as it stood when we went
  bool detached = false;
  std::map<NodeId, TaskView> tasks;  ///< as they were last told
};
/// Follows a run until it is final and owes nothing (or only what cannot be had soon), telling of it, or until a person goes.
/// @param fresh  this command has begun it: all that ends is told, not only what ends from now on
/// Errors: run.held · those of Server.
awaitable<Result<Followed>> follow_at_server(Session& session, RunView run, bool fresh, RemoteInterrupts& interrupts,
                                             Progress& progress);
/// What is told to one who goes: how to come back, and how to cancel.
[[nodiscard]] std::string detached_text(const Session& session, const RunView& run);

}  // namespace baton::cli
