/// Finds the runs that are due, from the store alone, and publishes them. One replica at a time does it; doing it twice is harmless.
#pragma once

#include <functional>
#include <memory>

#include "ports/lock.hpp"
#include "ports/queue.hpp"
#include "ports/runtime.hpp"
#include "ports/store.hpp"
#include "scheduling/relay.hpp"

namespace baton {

struct ManagerOptions {
  core::Duration interval = std::chrono::seconds(5);  ///< BATON_SCHEDULING_INTERVAL
  core::Duration look_for_gone = std::chrono::seconds(1);
  core::Duration lock_life = std::chrono::seconds(10);
  DuePolicy due;
  std::size_t batch_max = 1000;
  std::uint32_t waiting_max = 0;  ///< as PassOptions::waiting_max; 0: nobody waits for a turn, there is one run at a time
  std::function<void(const Error&)> trouble = [](const Error&) {};
};

class Manager {
 public:
  /// @param relay  told to sweep the outbox at each interval; null: nobody listens
  Manager(Runtime& runtime, Store& store, Queue& queue, Lock& lock, ManagerOptions options, Relay* relay = nullptr);
  /// Looks at once, then at each interval, until stop().
  awaitable<void> serve();
  void stop();

 private:
  awaitable<void> look(bool for_due);
  awaitable<void> publish(Result<std::vector<core::RunKey>> found);
  awaitable<void> give_lost_turns();

  Runtime& runtime_;
  Store& store_;
  Queue& queue_;
  Lock& lock_;
  Relay* relay_;
  ManagerOptions options_;
  std::vector<core::RunKey> unpublished_;  ///< marked, and the queue did not take them
  std::unique_ptr<Event> stopped_;
  core::Duration due_at_{};  ///< steady; moved on by a look that was made
  bool stopping_ = false;
};

}  // namespace baton
