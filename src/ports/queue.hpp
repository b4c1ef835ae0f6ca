/// The shared queue of wake-ups. Messages are hints, rows are truth: they may be lost, doubled, late.
#pragma once

#include <vector>

#include "core/run.hpp"
#include "ports/runtime.hpp"

namespace baton {

struct Delivery {
  core::RunKey run;
  std::uint64_t tag = 0;  ///< of this consumer; settle it once
};

class Queue {
 public:
  virtual ~Queue() = default;
  /// Returns when the broker has them. Errors: queue.unavailable (unknown which were taken).
  virtual awaitable<Result<void>> publish(std::vector<core::RunKey> runs) = 0;
  /// The next message for one worker; waits for it. Never two unsettled deliveries to a worker. Errors: queue.closed (close() was called).
  virtual awaitable<Result<Delivery>> receive() = 0;
  /// A delivery whose channel has gone is settled silently: the broker has it again.
  virtual awaitable<void> ack(Delivery delivery) = 0;
  /// Gives it back; delivered again, to anybody, not before `after`.
  virtual awaitable<void> requeue(Delivery delivery, core::Duration after) = 0;
  /// No further deliveries: waiting receivers end with queue.closed.
  virtual void close() = 0;
};

}  // namespace baton
