/// The queue of wake-ups inside one process: for the embedded runner and for simulations, where several replicas share a broker.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ports/queue.hpp"

namespace baton {

/// What a RabbitMQ server is for other replicas. Outlives the handles only if its owner says so: either may go first.
class MemoryBroker {
 public:
  /// @param steady        one clock for all its consumers
  /// @param messages_max  waiting, delayed and unsettled ones together; publishing more is queue.full
  explicit MemoryBroker(std::function<core::Duration()> steady, std::size_t messages_max = 100'000);

  /// Waiting, delayed and unsettled messages.
  [[nodiscard]] std::size_t size() const;
  /// Whether any of those is of this run.
  [[nodiscard]] bool holds(const core::RunKey& run) const;
  /// Those that wait for a receiver, in order.
  [[nodiscard]] std::vector<core::RunKey> waiting() const;
  /// Faults: the waiting message at `index` is lost, or there twice.
  void lose(std::size_t index);
  void twice(std::size_t index);

 private:
  friend class MemoryQueue;
  struct State;
  std::shared_ptr<State> state_;
};

/// One replica's connection: a consumer and a publisher. Dropped with deliveries unsettled, the broker gives those to others.
class MemoryQueue final : public Queue {
 public:
  MemoryQueue(MemoryBroker& broker, Runtime& runtime);
  ~MemoryQueue() override;
  MemoryQueue(const MemoryQueue&) = delete;
  MemoryQueue& operator=(const MemoryQueue&) = delete;

  /// Errors: queue.full (none was taken).
  awaitable<Result<void>> publish(std::vector<core::RunKey> runs) override;
  awaitable<Result<Delivery>> receive() override;
  awaitable<void> ack(Delivery delivery) override;
  /// Goes behind what waits already.
  awaitable<void> requeue(Delivery delivery, core::Duration after) override;
  void close() override;

  /// Fault: the channel closes and opens again. What was unsettled is delivered to somebody, first of all; settling it is nothing.
  void lose_channel();

 private:
  std::shared_ptr<MemoryBroker::State> broker_;
  Runtime& runtime_;
  std::uint64_t consumer_;
};

}  // namespace baton
