/// Wake-ups of one replica: marks moved, messages published, timers kept. Of one run, one is under way and one waits: a thousand events are
/// a few UPDATEs (R4).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "core/run.hpp"
#include "ports/queue.hpp"
#include "ports/runtime.hpp"
#include "ports/store.hpp"

namespace baton {

class Wakeups {
 public:
  Wakeups(Runtime& runtime, Store& store, Queue& queue);

  /// Moves the run's mark soon, and publishes where nothing was pending. `jobs`: whose push caused it (R9). Tried until the store has it.
  void wake(const core::RunKey& run, std::vector<JobId> jobs);
  /// Wakes the run after `delay`; an earlier timer of the run is kept (R16: the replica that wrote wake_at arms it).
  void wake_after(const core::RunKey& run, core::Duration delay);
  /// Publishes what was found pending. False: the queue did not take it; it is tried again until it does.
  awaitable<bool> publish(std::vector<core::RunKey> runs);
  /// The same, without waiting for the queue: for those whom a person waits for. The mark is pending, so that nothing is lost. After stop()
  /// nobody waits for what is under way here: then it waits.
  awaitable<void> publish_soon(core::RunKey run);
  /// Serves the timers until stop().
  awaitable<void> serve();
  void stop();
  /// What a store said to a push.
  struct Heard {
    core::RunKey run;
    std::vector<JobId> jobs;  ///< of the push
    ReplicaId follower;       ///< of the run
    core::Duration asked{};   ///< when the store was asked (steady)
  };
  void on_heard(std::function<void(const Heard&)> told) { heard_ = std::move(told); }

 private:
  struct Waiting {
    bool again = false;
    std::set<JobId> jobs;
  };
  awaitable<void> work(core::RunKey run);
  awaitable<void> publish_one(core::RunKey run);
  awaitable<void> publish_again();

  Runtime& runtime_;
  Store& store_;
  Queue& queue_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<Event> changed_;
  std::map<core::RunKey, Waiting> under_way_;
  std::set<core::RunKey> unpublished_;  ///< the queue did not take them; at most as many as there are open runs
  bool publishing_again_ = false;
  std::map<core::RunKey, core::Duration> timers_;  ///< when, by Runtime::steady()
  std::set<std::pair<core::Duration, core::RunKey>> order_;
  bool stopping_ = false;
  std::function<void(const Heard&)> heard_;
};

/// Between 50 and 150 % of `pause`, so that those who failed together do not come back together.
[[nodiscard]] core::Duration jittered(Runtime& runtime, core::Duration pause);

}  // namespace baton
