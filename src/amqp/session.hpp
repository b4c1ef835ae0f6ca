/// One AMQP connection without its socket: told what came and what is wanted, it answers with what to send and what has happened.
///
/// Owns no socket and no clock: bytes and times are arguments. Its driver (client.cpp) passes bytes in both directions, and calls tick()
/// several times a heartbeat. Requests are sent without waiting for the answers to earlier ones; the broker answers in order.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "amqp/types.hpp"

namespace baton::amqp {

using SteadyTime = std::chrono::steady_clock::time_point;
using ChannelNumber = std::uint16_t;  ///< 1, 2, …: chosen by the caller

class Session {
 public:
  struct Login {
    std::string user, password;
    std::string vhost = "/";
    std::string name;                               ///< shown by the broker's tools
    std::chrono::seconds heartbeat{10};             ///< silence of twice this is the end; the broker may ask for less
    std::size_t body_bytes_max = 16 * 1024 * 1024;  ///< a longer delivery is truncated
  };

  // ---- what has happened ----
  struct Opened {};  ///< channels can be opened
  /// All is declared, and consumed if it was to be. `queues`: one entry a DeclareQueue, in order.
  struct ChannelOpened {
    ChannelNumber channel;
    std::vector<QueueFacts> queues;
  };
  /// Nothing that was open on it is settled any more. `code`: as the broker gives it (404, 405, 406, …); 0: its consumer was cancelled
  /// by the broker, which is how the deletion of a queue is told; 200: it was asked for.
  struct ChannelClosed {
    ChannelNumber channel;
    int code;
    std::string text;
  };
  struct Delivered {
    ChannelNumber channel;
    Delivery delivery;
  };
  /// What became of published messages: `taken` = false: the broker could not.
  struct Confirmed {
    ChannelNumber channel;
    std::uint64_t tag;
    bool multiple;  ///< all up to `tag`
    bool taken;
  };
  /// A mandatory message reached no queue. Comes before its Confirmed.
  struct Returned {
    ChannelNumber channel;
    std::uint64_t tag;  ///< 0: not one of ours
    std::string text;
  };
  struct Blocked {  ///< the broker is short of memory or disk, and takes no messages from this connection
    std::string why;
  };
  struct Unblocked {};
  /// The end; nothing comes after it. `code` 200: at our wish; 0: no word of the broker.
  struct Closed {
    int code;
    std::string text;
  };
  using Event = std::variant<Opened, ChannelOpened, ChannelClosed, Delivered, Confirmed, Returned, Blocked, Unblocked, Closed>;

  Session(Login login, SteadyTime now);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Bytes from the broker.
  [[nodiscard]] std::vector<Event> received(std::string_view bytes, SteadyTime now);
  /// Heartbeats: may have something to send, or find that the broker is silent.
  [[nodiscard]] std::optional<Closed> tick(SteadyTime now);
  /// What is to be sent; all of it will be.
  [[nodiscard]] std::string take_output(SteadyTime now);
  [[nodiscard]] std::size_t output_size() const;
  /// How often tick() is to be called.
  [[nodiscard]] std::chrono::milliseconds tick_every() const;

  // ---- what is wanted ----
  // On a channel that is not open (any more) all but open_channel do nothing: its end is an event on its way, or was one.
  /// Answered with ChannelOpened or ChannelClosed. Needs Opened, and a number whose channel is closed.
  void open_channel(ChannelNumber channel, ChannelSpec spec);
  void close_channel(ChannelNumber channel);
  /// The message's number on its channel, from 1; 0: the channel is not open.
  std::uint64_t publish(ChannelNumber channel, const Message& message);
  void settle(ChannelNumber channel, std::uint64_t tag, Settle how);
  /// Of the channel's consumer. 0: deliveries stop, but for those on their way.
  void set_prefetch(ChannelNumber channel, std::uint16_t prefetch);
  /// Says goodbye: answered with Closed.
  void close();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace baton::amqp
