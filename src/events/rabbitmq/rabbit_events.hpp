/// The topics of C§7 on RabbitMQ, and `baton.changed`, by which replicas hear of each other's commits.
///
/// What must arrive and what is best effort never share a connection: a broker that is short of memory stops the first and not the second.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "amqp/client.hpp"
#include "ports/events.hpp"

namespace baton {

struct RabbitEventsOptions {
  amqp::Endpoint broker;
  std::string name = "baton";
  std::string changed_exchange = "baton.changed";
  amqp::milliseconds publish_limit{10'000};
  std::function<void(const Error&)> trouble = [](const Error&) {};  ///< events.unavailable, events.refused
};

class RabbitEvents final : public Events {
 public:
  /// Connects at once, in the background. All on the one thread that runs the executor's context, which outlives this.
  RabbitEvents(Runtime& runtime, boost::asio::any_io_executor executor, RabbitEventsOptions options);
  ~RabbitEvents() override;
  RabbitEvents(const RabbitEvents&) = delete;
  RabbitEvents& operator=(const RabbitEvents&) = delete;

  awaitable<Result<void>> publish(std::vector<Outgoing> messages) override;
  void changed(const core::RunKey& run) override;
  void on_changed(std::function<void(const core::RunKey&)> heard) override;
  /// Tells of a task's progress, 0 to 1 (C§7). Best effort, never waits: it is not in the outbox.
  void progressed(const core::RunKey& run, const NodeId& node, double progress);
  awaitable<void> stop(amqp::milliseconds limit);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace baton
