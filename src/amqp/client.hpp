/// A connection to RabbitMQ that mends itself: what was registered is declared and consumed again after each loss.
///
/// A client publishes or consumes, not both: a broker that is short of memory stops reading from connections that publish, and would not
/// hear what a consumer on the same one acknowledges.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "amqp/types.hpp"
#include "core/result.hpp"

namespace baton::amqp {

template <class T>
using awaitable = boost::asio::awaitable<T>;
using std::chrono::milliseconds;

struct Endpoint {
  std::string host = "127.0.0.1";
  std::uint16_t port = 5672;
  std::string user = "guest", password = "guest";
  std::string vhost = "/";
};

struct ClientOptions {
  Endpoint broker;
  std::string name = "baton";  ///< shown by the broker's tools
  std::chrono::seconds heartbeat{10};
  milliseconds connect_limit{5000};                             ///< until the broker has opened the connection
  milliseconds pause_min{100}, pause_max{5000};                 ///< between two attempts: doubles, with jitter
  std::size_t output_bytes_max = std::size_t{8} * 1024 * 1024;  ///< what waits to be sent; publishing then waits
  std::size_t unconfirmed_max = 10'000;                         ///< on a channel; publishing then waits
  std::function<std::uint64_t()> random;                        ///< for the jitter; needed
  /// Each failed attempt and each loss, for a log; on the client's thread. May not destroy the client.
  /// amqp.unavailable (no connection, or its end), amqp.refused (a declaration that the broker does not take, or a login).
  std::function<void(const Error&)> trouble;
};

/// Jittered: between half of it and all of min * 2^attempt, at most max.
[[nodiscard]] milliseconds pause_before(std::uint32_t attempt, milliseconds min, milliseconds max, std::uint64_t random);

class Client {
 public:
  using ChannelId = std::uint32_t;
  /// Called on the client's thread; a call may use the client, but not destroy it.
  struct Listener {
    std::function<void(std::vector<QueueFacts>)> opened;  ///< declared, and consuming if it was to
    std::function<void(Delivery)> delivered;
    std::function<void(const Error&)> lost;  ///< its deliveries are the broker's again: their tags mean nothing any more
  };

  /// The executor's context is run by one thread, and outlives this.
  Client(boost::asio::any_io_executor executor, ClientOptions options);
  /// Says goodbye behind what was sent, for at most two seconds and if the executor still runs. No listener is called any more.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Connects, for ever.
  void start();
  /// Registers a channel: opened as soon as there is a connection, and again after it was lost, with back-off.
  ChannelId add(ChannelSpec spec, Listener listener);
  /// Closes it for ever; its listener is not called any more. Any number of times.
  void remove(ChannelId channel);
  /// Closes it, so that all is declared anew.
  void reopen(ChannelId channel);

  /// Waits until the channel is open and not blocked, sends, and waits for the confirms. Needs ChannelSpec::confirms.
  /// Errors: amqp.unavailable (not within `limit`, or the connection was lost: unknown which were taken), amqp.returned (one of them at
  /// least reached no queue; the others were taken).
  awaitable<Result<void>> publish(ChannelId channel, std::vector<Message> messages, milliseconds limit);
  /// Best effort: sends, or drops and answers false where it would have to wait. Needs no confirms.
  bool publish_now(ChannelId channel, const Message& message);
  /// For deliveries since the channel was opened last.
  void settle(ChannelId channel, std::uint64_t tag, Settle how);
  /// 0: the consumer is cancelled, its queue stays. Kept over losses.
  void set_prefetch(ChannelId channel, std::uint16_t prefetch);
  /// On a channel of its own, once; gives what the broker says of each DeclareQueue.
  /// Errors: amqp.unavailable, amqp.refused (with the broker's words).
  awaitable<Result<std::vector<QueueFacts>>> once(std::vector<Declaration> declarations, milliseconds limit);
  /// Waits until it is open. Errors: amqp.unavailable, with what is in the way.
  awaitable<Result<void>> opened(ChannelId channel, milliseconds limit);
  /// Sends what waits, says goodbye, closes. Nothing is connected again.
  awaitable<void> stop(milliseconds limit);

  // ---- for metrics and health ----
  [[nodiscard]] bool is_connected() const;
  [[nodiscard]] bool is_open(ChannelId channel) const;
  [[nodiscard]] bool is_blocked() const;
  [[nodiscard]] std::uint64_t reconnects() const;
  [[nodiscard]] std::size_t unconfirmed() const;
  /// `connected`, `blocked: …`, `connecting: why not yet`, `stopped`.
  [[nodiscard]] std::string state() const;

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace baton::amqp
