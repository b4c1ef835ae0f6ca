/// The queue of wake-ups on a RabbitMQ server, shared with replicas of other versions and with the reference (C§2.2, C§2.6).
///
/// A message is taken from the broker only when a worker waits for one: what this replica holds is what its workers hold, and what it
/// keeps for a requeue. Two connections, as a broker that is short of memory stops reading from those that publish.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "amqp/client.hpp"
#include "ports/queue.hpp"

namespace baton {

struct RabbitOptions {
  amqp::Endpoint broker;
  std::string name = "baton";  ///< of the connections, in the broker's tools
  std::chrono::seconds heartbeat{10};

  std::string queue = "simcore.services.director-v2.scheduling";
  std::string exchange;  ///< empty: named like the queue
  /// Of an unconsumed message: then it goes through the delayed queue once, and is lost (RabbitMQ drops what goes in a circle without
  /// having been refused); the manager publishes it again.
  amqp::milliseconds message_ttl{900'000};
  amqp::milliseconds retry_delay{1000};  ///< of the delayed queue
  /// Instead of the arguments that follow from the above; a queue that exists with others is refused by the broker.
  std::optional<amqp::Table> queue_arguments, delayed_arguments;
  std::int64_t poison_max = 10'000;  ///< messages in `{queue}.poison`; the oldest are dropped

  amqp::milliseconds publish_limit{10'000};  ///< for a batch of publish(), with the wait for a connection or the end of a block
  std::size_t delayed_max = 1000;            ///< deliveries kept for a requeue; with more the one due first goes back early

  /// For a log: queue.unavailable (connection lost, or not got), queue.refused (the broker has a queue or exchange of that name with
  /// other arguments, or takes not the login), queue.bad_message (one was put into the poison queue). Each is tried again with back-off.
  std::function<void(const Error&)> trouble;
};

/// What is declared for it on a broker.
[[nodiscard]] std::vector<amqp::Declaration> scheduling_topology(const RabbitOptions& options);

class RabbitQueue final : public Queue {
 public:
  /// Names too long for AMQP. Errors: queue.bad_setting.
  static Result<void> check(const RabbitOptions& options);

  /// Connects at once, in the background. All on the one thread that runs the executor's context, which outlives this.
  RabbitQueue(Runtime& runtime, boost::asio::any_io_executor executor, RabbitOptions options);
  /// As stop(), in the background and if the executor still runs.
  ~RabbitQueue() override;
  RabbitQueue(const RabbitQueue&) = delete;
  RabbitQueue& operator=(const RabbitQueue&) = delete;

  /// In confirmed batches. Waits while there is no connection, or the broker is blocked, for `publish_limit`.
  awaitable<Result<void>> publish(std::vector<core::RunKey> runs) override;
  awaitable<Result<Delivery>> receive() override;
  awaitable<void> ack(Delivery delivery) override;
  /// Kept here, unsettled, for that long; if this process ends before, it is there again at once.
  awaitable<void> requeue(Delivery delivery, core::Duration after) override;
  void close() override;
  /// close(), and both connections: returns when the broker has heard what was settled, and has back what was not.
  awaitable<void> stop(amqp::milliseconds limit);
  /// Fault: the channel of deliveries closes and opens again, as after an error of the broker.
  void lose_channel();

  // ---- for metrics and health ----
  /// Messages in the shared queue that no replica has yet. Asks the broker. Errors: queue.unavailable.
  awaitable<Result<std::uint32_t>> depth();
  [[nodiscard]] bool is_consuming() const;  ///< connected, declared, and taking messages when a worker waits
  [[nodiscard]] std::uint64_t reconnects() const;
  [[nodiscard]] std::size_t unconfirmed() const;  ///< published
  [[nodiscard]] std::size_t held() const;         ///< deliveries that are not settled
  [[nodiscard]] std::string state() const;        ///< `connected`, or what is in the way

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace baton
