/// What AMQP 0-9-1 carries, as plain data: tables, messages, what is declared on a broker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace baton::amqp {

struct Value;
using Array = std::vector<Value>;
using Table = std::vector<std::pair<std::string, Value>>;  ///< in the order of the wire

/// A field of a table. What has no place here (decimals) is read as nothing.
struct Value {
  Value() = default;
  Value(bool value) : is(value) {}
  Value(int value) : is(std::int64_t{value}) {}
  Value(std::int64_t value) : is(value) {}
  Value(double value) : is(value) {}
  Value(const char* value) : is(std::string(value)) {}
  Value(std::string value) : is(std::move(value)) {}
  Value(Array value) : is(std::move(value)) {}
  Value(Table value) : is(std::move(value)) {}
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Table> is;
};
/// Null: there is no such field.
[[nodiscard]] const Value* find(const Table& table, std::string_view name);
/// How often the broker has dead-lettered the message (`x-death[0].count`); 0: never.
[[nodiscard]] std::int64_t death_count(const Table& headers);

// ---- what is declared ----------------------------------------------------------------------------------------------
// Names and keys are bytes, at most `name_bytes_max`. An empty queue name in a Bind or a Consumer is the queue that was declared last
// on the same channel: so the names that a server gives need not be known.
inline constexpr std::size_t name_bytes_max = 255;

struct DeclareExchange {
  std::string name;
  std::string type = "fanout";
  bool durable = true;
  bool auto_delete = false;
  Table arguments;
};
struct DeclareQueue {
  std::string name;  ///< empty: the server gives one
  bool durable = true;
  bool exclusive = false;  ///< of this connection, gone with it
  bool auto_delete = false;
  bool passive = false;  ///< only looked at: no such queue closes the channel
  Table arguments;
};
struct Bind {
  std::string queue, exchange, routing_key;
};
struct Unbind {
  std::string queue, exchange, routing_key;
};
struct DeleteQueue {
  std::string name;  ///< one that does not exist is deleted
};
struct DeleteExchange {
  std::string name;
};
using Declaration = std::variant<DeclareExchange, DeclareQueue, Bind, Unbind, DeleteQueue, DeleteExchange>;

struct Consumer {
  std::string queue;
  bool exclusive = false;
  bool acknowledges = true;  ///< false: what is sent counts as settled
};

/// One channel, and all that is done on it when it opens: declared in this order, then consumed.
struct ChannelSpec {
  std::vector<Declaration> declarations;
  bool confirms = false;  ///< for publishing: the broker acknowledges each message
  std::optional<Consumer> consumer;
  /// Unsettled deliveries of the consumer at a time; 0: it does not consume (for now).
  std::uint16_t prefetch = 0;
};

/// What the broker says of a declared queue.
struct QueueFacts {
  std::string name;
  std::uint32_t messages = 0;  ///< ready ones
  std::uint32_t consumers = 0;
};

// ---- what travels --------------------------------------------------------------------------------------------------
struct Message {
  std::string exchange;  ///< empty: straight to the queue that `routing_key` names
  std::string routing_key;
  std::string body;
  std::string content_type = "application/json";
  bool persistent = true;
  bool mandatory = true;  ///< on a channel with confirms: a message that reaches no queue is an error
  Table headers;
};

struct Delivery {
  std::uint64_t tag = 0;  ///< of the channel it came on
  bool redelivered = false;
  bool truncated = false;  ///< longer than the session's bound; `body` is its beginning
  std::string exchange, routing_key, content_type, body;
  Table headers;
};

/// What becomes of a delivery.
enum class Settle : std::uint8_t { ack, requeue, dead_letter };

}  // namespace baton::amqp
