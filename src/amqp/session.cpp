#include "amqp/session.hpp"

#include <algorithm>
#include <charconv>
#include <deque>
#include <map>

#include "amqp/codec.hpp"
#include "core/result.hpp"

namespace baton::amqp {
namespace {

constexpr std::uint32_t frame_bytes_wanted = 131072;  // RabbitMQ's own default
constexpr std::uint16_t channels_wanted = 2047;

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

// The lesser of two limits of which 0 means none.
template <class Number>
Number lesser(Number a, Number b) {
  return a == 0 ? b : b == 0 ? a : std::min(a, b);
}

struct Channel {
  enum class State : std::uint8_t { closed, opening, open, closing };
  State state = State::closed;
  ChannelSpec spec;
  std::size_t opening_left = 0;  // answers until all of the spec is done
  std::vector<QueueFacts> queues;
  std::uint64_t published = 0;
  std::uint64_t consumer_number = 0;  // the newest consumer's, which is its tag
  bool consuming = false;
  std::uint16_t prefetch_sent = 0;
  int why_code = 200;  // while closing
  std::string why_text = "closed";
  // The message whose frames are coming.
  enum class Content : std::uint8_t { none, delivery, returned };
  Content content = Content::none;
  Delivery delivery;
  std::string returned_text, message_id;
  std::uint64_t body_left = 0;
};

}  // namespace

struct Session::Parts {
  enum class State : std::uint8_t { starting, tuning, opening, open, closing, closed };

  Login login;
  amqp_connection_state_t codec = amqp_new_connection();
  State state = State::starting;
  std::string output;
  std::uint32_t frame_bytes_max = frame_bytes_wanted;
  std::chrono::seconds heartbeat;
  SteadyTime heard, spoke;
  std::map<ChannelNumber, Channel> channels;

  ~Parts() { amqp_destroy_connection(codec); }

  template <class Method>
  void send(ChannelNumber channel, amqp_method_number_t id, Method method) {
    output += method_frame(channel, id, &method);
  }

  Closed end(int code, std::string why) {
    state = State::closed;
    return {code, std::move(why)};
  }

  Channel* open_one(ChannelNumber number) {
    const auto found = channels.find(number);
    if (found == channels.end() || state != State::open) return nullptr;
    auto& channel = found->second;
    return channel.state == Channel::State::open || channel.state == Channel::State::opening ? &channel : nullptr;
  }

  // ---- requests ----
  // Every one of these has exactly one answer, so counting them is enough.
  void declare(ChannelNumber number, const Declaration& declaration) {
    std::visit(Overloaded{[&](const DeclareExchange& exchange) {
                            const EncodedTable arguments(exchange.arguments);
                            amqp_exchange_declare_t method{};
                            method.exchange = bytes(exchange.name);
                            method.type = bytes(exchange.type);
                            method.durable = exchange.durable;
                            method.auto_delete = exchange.auto_delete;
                            method.arguments = arguments.get();
                            send(number, AMQP_EXCHANGE_DECLARE_METHOD, method);
                          },
                          [&](const DeclareQueue& queue) {
                            const EncodedTable arguments(queue.arguments);
                            amqp_queue_declare_t method{};
                            method.queue = bytes(queue.name);
                            method.passive = queue.passive;
                            method.durable = queue.durable;
                            method.exclusive = queue.exclusive;
                            method.auto_delete = queue.auto_delete;
                            method.arguments = arguments.get();
                            send(number, AMQP_QUEUE_DECLARE_METHOD, method);
                          },
                          [&](const Bind& bind) {
                            amqp_queue_bind_t method{};
                            method.queue = bytes(bind.queue);
                            method.exchange = bytes(bind.exchange);
                            method.routing_key = bytes(bind.routing_key);
                            send(number, AMQP_QUEUE_BIND_METHOD, method);
                          },
                          [&](const Unbind& unbind) {
                            amqp_queue_unbind_t method{};
                            method.queue = bytes(unbind.queue);
                            method.exchange = bytes(unbind.exchange);
                            method.routing_key = bytes(unbind.routing_key);
                            send(number, AMQP_QUEUE_UNBIND_METHOD, method);
                          },
                          [&](const DeleteQueue& queue) {
                            amqp_queue_delete_t method{};
                            method.queue = bytes(queue.name);
                            send(number, AMQP_QUEUE_DELETE_METHOD, method);
                          },
                          [&](const DeleteExchange& exchange) {
                            amqp_exchange_delete_t method{};
                            method.exchange = bytes(exchange.name);
                            send(number, AMQP_EXCHANGE_DELETE_METHOD, method);
                          }},
               declaration);
  }

  // Gives the number of answers that will come.
  std::size_t consume(ChannelNumber number, Channel& channel, std::uint16_t prefetch) {
    std::size_t answers = 0;
    if (prefetch != 0 && prefetch != channel.prefetch_sent) {
      // For the channel, not the consumer (`global`): such a limit can be moved while the consumer lives.
      send(number, AMQP_BASIC_QOS_METHOD, amqp_basic_qos_t{0, prefetch, 1});
      channel.prefetch_sent = prefetch;
      ++answers;
    }
    if (prefetch != 0 && !channel.consuming) {
      const auto tag = std::to_string(++channel.consumer_number);
      amqp_basic_consume_t method{};
      method.queue = bytes(channel.spec.consumer->queue);
      method.consumer_tag = bytes(tag);
      method.no_ack = !channel.spec.consumer->acknowledges;
      method.exclusive = channel.spec.consumer->exclusive;
      send(number, AMQP_BASIC_CONSUME_METHOD, method);
      channel.consuming = true;
      ++answers;
    }
    if (prefetch == 0 && channel.consuming) {
      const auto tag = std::to_string(channel.consumer_number);
      send(number, AMQP_BASIC_CANCEL_METHOD, amqp_basic_cancel_t{bytes(tag), 0});
      channel.consuming = false;
      ++answers;
    }
    return answers;
  }

  void close_channel(ChannelNumber number, Channel& channel, int code, std::string why) {
    channel.state = Channel::State::closing;
    channel.why_code = code;
    channel.why_text = std::move(why);
    send(number, AMQP_CHANNEL_CLOSE_METHOD, amqp_channel_close_t{200, bytes("closed"), 0, 0});
  }

  // ---- what comes ----
  void login_with(const amqp_connection_start_t& start, std::vector<Event>& events) {
    const auto mechanisms = text(start.mechanisms);
    if (mechanisms.find("PLAIN") == std::string::npos) {
      events.emplace_back(end(0, "the broker takes no password (it offers: " + mechanisms + ")"));
      return;
    }
    const Table capabilities{{"publisher_confirms", true},         {"basic.nack", true},
                             {"consumer_cancel_notify", true},     {"connection.blocked", true},
                             {"exchange_exchange_bindings", true}, {"authentication_failure_close", true}};
    const Table about{{"product", "Baton"}, {"connection_name", login.name}, {"capabilities", capabilities}};
    const EncodedTable properties(about);
    const auto secret = std::string(1, '\0') + login.user + std::string(1, '\0') + login.password;
    send(0, AMQP_CONNECTION_START_OK_METHOD,
         amqp_connection_start_ok_t{properties.get(), bytes("PLAIN"), bytes(secret), bytes("en_US")});
    state = State::tuning;
  }

  void tune(const amqp_connection_tune_t& offered) {
    const auto channel_max = lesser(offered.channel_max, channels_wanted);
    frame_bytes_max = lesser(offered.frame_max, frame_bytes_wanted);
    heartbeat = std::chrono::seconds(lesser(offered.heartbeat, static_cast<std::uint16_t>(login.heartbeat.count())));
    amqp_tune_connection(codec, channel_max, static_cast<int>(frame_bytes_max), 0);
    send(0, AMQP_CONNECTION_TUNE_OK_METHOD,
         amqp_connection_tune_ok_t{channel_max, frame_bytes_max, static_cast<std::uint16_t>(heartbeat.count())});
    amqp_connection_open_t open{};
    open.virtual_host = bytes(login.vhost);
    send(0, AMQP_CONNECTION_OPEN_METHOD, open);
    state = State::opening;
  }

  void on_connection(const amqp_method_t& method, std::vector<Event>& events) {
    switch (method.id) {
      case AMQP_CONNECTION_START_METHOD:
        if (state == State::starting) return login_with(*static_cast<amqp_connection_start_t*>(method.decoded), events);
        break;
      case AMQP_CONNECTION_TUNE_METHOD:
        if (state == State::tuning) return tune(*static_cast<amqp_connection_tune_t*>(method.decoded));
        break;
      case AMQP_CONNECTION_OPEN_OK_METHOD:
        if (state != State::opening) break;
        state = State::open;
        events.emplace_back(Opened{});
        return;
      case AMQP_CONNECTION_BLOCKED_METHOD:
        events.emplace_back(Blocked{text(static_cast<amqp_connection_blocked_t*>(method.decoded)->reason)});
        return;
      case AMQP_CONNECTION_UNBLOCKED_METHOD: events.emplace_back(Unblocked{}); return;
      case AMQP_CONNECTION_CLOSE_METHOD: {
        const auto& close = *static_cast<amqp_connection_close_t*>(method.decoded);
        send(0, AMQP_CONNECTION_CLOSE_OK_METHOD, amqp_connection_close_ok_t{});
        events.emplace_back(end(close.reply_code, text(close.reply_text)));
        return;
      }
      case AMQP_CONNECTION_CLOSE_OK_METHOD:
        if (state != State::closing) break;
        events.emplace_back(end(200, "closed"));
        return;
      default: break;
    }
    const auto* name = amqp_method_name(method.id);
    events.emplace_back(end(0, "the broker said what it must not say here: " + std::string(name == nullptr ? "?" : name)));
  }

  void on_close(ChannelNumber number, Channel& channel, const amqp_channel_close_t& close, std::vector<Event>& events) {
    send(number, AMQP_CHANNEL_CLOSE_OK_METHOD, amqp_channel_close_ok_t{});
    // While closing: both ends have said it at once. Ours is answered all the same, so it is that answer that ends the channel.
    if (channel.state == Channel::State::closing) return;
    channel.state = Channel::State::closed;
    events.emplace_back(ChannelClosed{number, close.reply_code, text(close.reply_text)});
  }

  void answered(ChannelNumber number, Channel& channel, std::vector<Event>& events) {
    if (channel.state != Channel::State::opening || --channel.opening_left != 0) return;
    channel.state = Channel::State::open;
    events.emplace_back(ChannelOpened{number, std::move(channel.queues)});
  }

  void on_method(ChannelNumber number, const amqp_method_t& method, std::vector<Event>& events) {
    const auto found = channels.find(number);
    if (found == channels.end() || found->second.state == Channel::State::closed) return;
    auto& channel = found->second;
    if (method.id == AMQP_CHANNEL_CLOSE_METHOD)
      return on_close(number, channel, *static_cast<amqp_channel_close_t*>(method.decoded), events);
    if (channel.state == Channel::State::closing) {
      if (method.id != AMQP_CHANNEL_CLOSE_OK_METHOD) return;  // said before it heard of the end
      channel.state = Channel::State::closed;
      events.emplace_back(ChannelClosed{number, channel.why_code, channel.why_text});
      return;
    }
    switch (method.id) {
      case AMQP_BASIC_DELIVER_METHOD: {
        const auto& deliver = *static_cast<amqp_basic_deliver_t*>(method.decoded);
        channel.content = Channel::Content::delivery;
        channel.delivery = {};
        channel.delivery.tag = deliver.delivery_tag;
        channel.delivery.redelivered = deliver.redelivered != 0;
        channel.delivery.exchange = text(deliver.exchange);
        channel.delivery.routing_key = text(deliver.routing_key);
        return;
      }
      case AMQP_BASIC_RETURN_METHOD:
        channel.content = Channel::Content::returned;
        channel.delivery = {};
        channel.returned_text = text(static_cast<amqp_basic_return_t*>(method.decoded)->reply_text);
        return;
      case AMQP_BASIC_ACK_METHOD: {
        const auto& ack = *static_cast<amqp_basic_ack_t*>(method.decoded);
        events.emplace_back(Confirmed{number, ack.delivery_tag, ack.multiple != 0, true});
        return;
      }
      case AMQP_BASIC_NACK_METHOD: {
        const auto& nack = *static_cast<amqp_basic_nack_t*>(method.decoded);
        events.emplace_back(Confirmed{number, nack.delivery_tag, nack.multiple != 0, false});
        return;
      }
      case AMQP_BASIC_CANCEL_METHOD: {
        const auto tag = text(static_cast<amqp_basic_cancel_t*>(method.decoded)->consumer_tag);
        if (channel.consuming && tag == std::to_string(channel.consumer_number)) {
          close_channel(number, channel, 0,
                        "the broker ended the consumer: queue '" + channel.spec.consumer->queue + "' is gone");
        }
        return;
      }
      case AMQP_QUEUE_DECLARE_OK_METHOD: {
        const auto& facts = *static_cast<amqp_queue_declare_ok_t*>(method.decoded);
        channel.queues.push_back({text(facts.queue), facts.message_count, facts.consumer_count});
        return answered(number, channel, events);
      }
      case AMQP_CHANNEL_FLOW_METHOD: return;  // of old brokers; RabbitMQ blocks the connection instead
      default: return answered(number, channel, events);
    }
  }

  void on_header(Channel& channel, const amqp_frame_t& frame) {
    const auto& properties = *static_cast<amqp_basic_properties_t*>(frame.payload.properties.decoded);
    channel.body_left = frame.payload.properties.body_size;
    channel.message_id.clear();
    if ((properties._flags & AMQP_BASIC_MESSAGE_ID_FLAG) != 0) channel.message_id = text(properties.message_id);
    if ((properties._flags & AMQP_BASIC_CONTENT_TYPE_FLAG) != 0) channel.delivery.content_type = text(properties.content_type);
    if ((properties._flags & AMQP_BASIC_HEADERS_FLAG) != 0) channel.delivery.headers = decode(properties.headers);
  }

  void on_body(Channel& channel, amqp_bytes_t piece) {
    channel.body_left -= std::min<std::uint64_t>(channel.body_left, piece.len);
    const auto room = login.body_bytes_max - channel.delivery.body.size();
    if (piece.len > room) {
      channel.delivery.truncated = true;
      piece.len = room;
    }
    channel.delivery.body += text(piece);
  }

  void on_content(ChannelNumber number, const amqp_frame_t& frame, std::vector<Event>& events) {
    const auto found = channels.find(number);
    if (found == channels.end() || found->second.content == Channel::Content::none) return;
    auto& channel = found->second;
    if (frame.frame_type == AMQP_FRAME_HEADER) on_header(channel, frame);
    if (frame.frame_type == AMQP_FRAME_BODY) on_body(channel, frame.payload.body_fragment);
    if (channel.body_left != 0) return;
    const auto content = std::exchange(channel.content, Channel::Content::none);
    if (channel.state != Channel::State::open && channel.state != Channel::State::opening) return;
    if (content == Channel::Content::delivery) {
      events.emplace_back(Delivered{number, std::move(channel.delivery)});
    } else {
      std::uint64_t tag = 0;
      std::from_chars(channel.message_id.data(), channel.message_id.data() + channel.message_id.size(), tag);
      events.emplace_back(Returned{number, tag, channel.returned_text});
    }
  }

  void on_frame(const amqp_frame_t& frame, std::vector<Event>& events) {
    switch (frame.frame_type) {
      case AMQP_FRAME_METHOD:
        if (frame.channel == 0) return on_connection(frame.payload.method, events);
        return on_method(frame.channel, frame.payload.method, events);
      case AMQP_FRAME_HEADER:
      case AMQP_FRAME_BODY: return on_content(frame.channel, frame, events);
      case AMQP_FRAME_HEARTBEAT: return;
      default: events.emplace_back(end(0, "the peer speaks no AMQP 0-9-1")); return;
    }
  }
};

Session::Session(Login login, SteadyTime now) : parts_(std::make_unique<Parts>()) {
  BATON_ASSERT(parts_->codec != nullptr);
  parts_->heartbeat = login.heartbeat;
  parts_->login = std::move(login);
  parts_->heard = parts_->spoke = now;
  parts_->output.assign("AMQP\0\0\x09\x01", 8);
}

Session::~Session() = default;

std::vector<Session::Event> Session::received(std::string_view input, SteadyTime now) {
  auto& in = *parts_;
  in.heard = now;
  std::vector<Event> events;
  while (!input.empty() && in.state != Parts::State::closed) {
    amqp_frame_t frame{};
    const int used = amqp_handle_input(in.codec, bytes(input), &frame);
    if (used < 0) {
      events.emplace_back(in.end(0, std::string("what the broker sent cannot be read: ") + amqp_error_string2(used)));
      break;
    }
    input.remove_prefix(static_cast<std::size_t>(used));
    if (frame.frame_type == 0) continue;  // it is not complete yet
    in.on_frame(frame, events);
    amqp_maybe_release_buffers(in.codec);  // what the events need of them was copied; between two frames alone is it done
  }
  return events;
}

std::optional<Session::Closed> Session::tick(SteadyTime now) {
  auto& in = *parts_;
  if (in.state == Parts::State::closed) return std::nullopt;
  if (now - in.heard >= 2 * in.heartbeat) {
    return in.end(0, "the broker was silent for " + std::to_string(2 * in.heartbeat.count()) + " s");
  }
  const bool is_tuned = in.state != Parts::State::starting && in.state != Parts::State::tuning;
  if (is_tuned && in.output.empty() && now - in.spoke >= in.heartbeat / 2) in.output = frame(AMQP_FRAME_HEARTBEAT, 0, {});
  return std::nullopt;
}

std::string Session::take_output(SteadyTime now) {
  if (!parts_->output.empty()) parts_->spoke = now;
  return std::exchange(parts_->output, {});
}

std::size_t Session::output_size() const { return parts_->output.size(); }

std::chrono::milliseconds Session::tick_every() const { return std::chrono::milliseconds(parts_->heartbeat) / 4; }

void Session::open_channel(ChannelNumber number, ChannelSpec spec) {
  auto& in = *parts_;
  if (in.state != Parts::State::open) return;
  auto& channel = in.channels[number];
  BATON_ASSERT(number != 0 && channel.state == Channel::State::closed);
  channel = {};
  channel.state = Channel::State::opening;
  channel.spec = std::move(spec);
  in.send(number, AMQP_CHANNEL_OPEN_METHOD, amqp_channel_open_t{amqp_empty_bytes});
  std::size_t answers = 1 + channel.spec.declarations.size();
  if (channel.spec.confirms) {
    in.send(number, AMQP_CONFIRM_SELECT_METHOD, amqp_confirm_select_t{0});
    ++answers;
  }
  for (const auto& declaration : channel.spec.declarations) in.declare(number, declaration);
  if (channel.spec.consumer) answers += in.consume(number, channel, channel.spec.prefetch);
  channel.opening_left = answers;
}

void Session::close_channel(ChannelNumber number) {
  auto* channel = parts_->open_one(number);
  if (channel != nullptr) parts_->close_channel(number, *channel, 200, "closed");
}

std::uint64_t Session::publish(ChannelNumber number, const Message& message) {
  auto* channel = parts_->open_one(number);
  if (channel == nullptr) return 0;
  const auto tag = ++channel->published;
  amqp_basic_publish_t method{};
  method.exchange = bytes(message.exchange);
  method.routing_key = bytes(message.routing_key);
  method.mandatory = message.mandatory;
  parts_->send(number, AMQP_BASIC_PUBLISH_METHOD, method);

  const EncodedTable headers(message.headers);
  const auto id = std::to_string(tag);  // a returned message carries no number of its own
  amqp_basic_properties_t properties{};
  properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_CONTENT_TYPE_FLAG;
  properties.delivery_mode = message.persistent ? AMQP_DELIVERY_PERSISTENT : AMQP_DELIVERY_NONPERSISTENT;
  properties.content_type = bytes(message.content_type);
  if (message.mandatory) {
    properties._flags |= AMQP_BASIC_MESSAGE_ID_FLAG;
    properties.message_id = bytes(id);
  }
  if (!message.headers.empty()) {
    properties._flags |= AMQP_BASIC_HEADERS_FLAG;
    properties.headers = headers.get();
  }
  parts_->output += content_frames(number, properties, message.body, parts_->frame_bytes_max);
  return tag;
}

void Session::settle(ChannelNumber number, std::uint64_t tag, Settle how) {
  if (parts_->open_one(number) == nullptr) return;
  if (how == Settle::ack) {
    parts_->send(number, AMQP_BASIC_ACK_METHOD, amqp_basic_ack_t{tag, 0});
  } else {
    parts_->send(number, AMQP_BASIC_NACK_METHOD, amqp_basic_nack_t{tag, 0, how == Settle::requeue});
  }
}

void Session::set_prefetch(ChannelNumber number, std::uint16_t prefetch) {
  auto* channel = parts_->open_one(number);
  if (channel == nullptr || !channel->spec.consumer) return;
  // While it opens its answers come behind those that are counted, or before the last of them: they count as well.
  const auto answers = parts_->consume(number, *channel, prefetch);
  if (channel->state == Channel::State::opening) channel->opening_left += answers;
}

void Session::close() {
  auto& in = *parts_;
  if (in.state == Parts::State::closing || in.state == Parts::State::closed) return;
  in.send(0, AMQP_CONNECTION_CLOSE_METHOD, amqp_connection_close_t{200, bytes("goodbye"), 0, 0});
  in.state = Parts::State::closing;
}

}  // namespace baton::amqp
