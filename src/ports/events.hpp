/// What others are told of runs (C§7): topics of the message broker.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/announcement.hpp"
#include "core/run.hpp"
#include "ports/runtime.hpp"

namespace baton {

/// A message of the outbox: with a run's commit it is written, afterwards it is published, at least once (R16). (run, fence, n) says which
/// of two messages of a run is newer.
/// A message's name in the outbox. A store that has lost its last commits may give a number twice, but not a fence.
struct MessageId {
  std::int64_t number = 0;
  Fence fence;
  auto operator<=>(const MessageId&) const = default;
};
struct Outgoing {
  std::int64_t id = 0;  ///< its place in the outbox
  core::RunKey run;
  RunId run_id;
  Fence fence;
  std::int32_t n = 0;    ///< within its commit, from 0
  NodeId node;           ///< of its task; empty: it is about the run
  std::string metadata;  ///< of the run, JSON (NewRun::metadata)
  core::Announcement what;
  [[nodiscard]] MessageId name() const { return {id, fence}; }
};

class Events {
 public:
  virtual ~Events() = default;
  /// Must-deliver: returns when the broker has them. Errors: events.unavailable (unknown which were taken).
  virtual awaitable<Result<void>> publish(std::vector<Outgoing> messages) = 0;
  /// Tells every replica that the run's rows have changed. Best effort, never waits.
  virtual void changed(const core::RunKey& run) = 0;
  /// `heard` is called for each change that any replica tells of, this one included; with a run of user 0 where some may have been missed.
  virtual void on_changed(std::function<void(const core::RunKey&)> heard) = 0;
};

}  // namespace baton
