#include "amqp/client.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <optional>

#include "amqp/condition.hpp"
#include "amqp/confirms.hpp"
#include "amqp/link.hpp"

namespace baton::amqp {
namespace asio = boost::asio;
namespace {

using std::chrono::steady_clock;
constexpr auto as_pair = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t chunk_max = 1000;  // messages that are sent at once, so that the broker's confirms come while others wait
constexpr milliseconds goodbye_limit{2000};
constexpr ChannelNumber channels_max = 2000;  // of a connection; RabbitMQ's own default bound is 2047

Error unavailable(std::string what, const std::string& where) {
  return {.code = "amqp.unavailable", .what = std::move(what), .where = where, .way_out = {}};
}
Error refused(std::string what, const std::string& where) {
  return {.code = "amqp.refused", .what = std::move(what), .where = where, .way_out = {}};
}

struct Registered {
  ChannelSpec spec;
  std::shared_ptr<const Client::Listener> listener;  // shared: it may remove the channel while it is called
  bool tells = true;                                 // its troubles are the client's
  ChannelNumber number = 0;                          // on the living connection; 0: none
  bool is_open = false;
  std::uint32_t attempts = 0;
  Confirms confirms;
  std::optional<Error> why_not;  // of the last attempt to open it
};

}  // namespace

milliseconds pause_before(std::uint32_t attempt, milliseconds min, milliseconds max, std::uint64_t random) {
  auto pause = min;
  for (std::uint32_t i = 0; i < attempt && pause < max; ++i) pause *= 2;
  pause = std::min(pause, max);
  const auto half = pause.count() / 2;
  return milliseconds(pause.count() - half + static_cast<milliseconds::rep>(random % static_cast<std::uint64_t>(half + 1)));
}

struct Client::Parts : std::enable_shared_from_this<Parts> {
  Parts(asio::any_io_executor ex, ClientOptions wanted)
      : executor(std::move(ex)), options(std::move(wanted)), pause(executor), changed(executor) {}

  asio::any_io_executor executor;
  ClientOptions options;
  std::string where = options.broker.host + ":" + std::to_string(options.broker.port);
  std::map<ChannelId, Registered> channels;
  ChannelId last_channel = 0;
  std::shared_ptr<Link> link;  // while connected, or about to be
  bool connected = false;
  std::optional<std::string> blocked;
  std::uint64_t connections = 0;
  std::uint32_t attempts = 0;
  std::string why_not = "not started";
  bool started = false, stopping = false, running = false;
  asio::steady_timer pause;
  Condition changed;  // channels, confirms, blocking, room in the output, the end

  void tell(const Error& error) {
    if (options.trouble) options.trouble(error);
  }

  void kick() {
    if (link) link->wake_writer.cancel();
  }

  // ---- channels ----
  Registered* registered(ChannelId id) {
    const auto found = channels.find(id);
    return found == channels.end() ? nullptr : &found->second;
  }

  std::pair<ChannelId, Registered*> by_number(ChannelNumber number) {
    for (auto& [id, channel] : channels) {
      if (channel.number == number) return {id, &channel};
    }
    return {0, nullptr};
  }

  // Numbers are given out in turn, so that one of a channel that is still closing is not taken again at once.
  ChannelNumber last_number = 0;
  std::map<ChannelNumber, bool> numbers;  // in use, also by what was removed and is not closed yet
  ChannelNumber free_number() {
    for (ChannelNumber i = 0; i < channels_max; ++i) {
      last_number = static_cast<ChannelNumber>(last_number % channels_max + 1);
      if (!numbers[last_number]) return last_number;
    }
    return 0;
  }

  void open(Registered& channel) {
    if (!connected || channel.number != 0 || stopping) return;
    channel.number = free_number();
    BATON_ASSERT(channel.number != 0);
    numbers[channel.number] = true;
    link->session.open_channel(channel.number, channel.spec);
    kick();
  }

  void open_later(ChannelId id, Registered& channel) {
    if (stopping) return;
    auto timer = std::make_shared<asio::steady_timer>(
        executor, pause_before(channel.attempts++, options.pause_min, options.pause_max, options.random()));
    timer->async_wait([timer, me = weak_from_this(), id](boost::system::error_code) {
      const auto self = me.lock();
      auto* again = self ? self->registered(id) : nullptr;
      if (again != nullptr) self->open(*again);
    });
  }

  void lose(Registered& channel, Error why) {
    channel.number = 0;
    channel.is_open = false;
    channel.confirms.lose_all();
    channel.why_not = std::move(why);
    const auto listener = channel.listener;
    const auto error = *channel.why_not;
    if (listener->lost) listener->lost(error);
  }

  // ---- events ----
  void on(Session::Opened) {
    connected = true;
    attempts = 0;
    ++connections;
    for (auto& [id, channel] : channels) open(channel);
  }

  void on(Session::ChannelOpened event) {
    auto [id, channel] = by_number(event.channel);
    if (channel == nullptr) return;
    channel->is_open = true;
    channel->attempts = 0;
    channel->why_not.reset();
    const auto listener = channel->listener;
    if (listener->opened) listener->opened(std::move(event.queues));
  }

  void on(Session::ChannelClosed event) {
    numbers[event.channel] = false;
    auto [id, channel] = by_number(event.channel);
    if (channel == nullptr) return;
    // 4xx while it opened: what was declared is not to be had, now.
    const auto error = event.code >= 400 ? refused(event.text, where) : unavailable(event.text, where);
    if (event.code != 200 && channel->tells) tell(error);
    lose(*channel, error);
    auto* still = registered(id);
    if (still != nullptr) open_later(id, *still);
  }

  void on(Session::Delivered event) {
    auto [id, channel] = by_number(event.channel);
    if (channel == nullptr) return;
    const auto listener = channel->listener;
    if (listener->delivered) listener->delivered(std::move(event.delivery));
  }

  void on(const Session::Confirmed& event) {
    auto [id, channel] = by_number(event.channel);
    if (channel != nullptr) channel->confirms.confirmed(event.tag, event.multiple, event.taken);
  }

  void on(const Session::Returned& event) {
    auto [id, channel] = by_number(event.channel);
    if (channel != nullptr) channel->confirms.returned(event.tag);
  }

  void on(Session::Blocked event) {
    blocked = event.why.empty() ? "the broker is short of resources" : std::move(event.why);
    tell(unavailable("the broker takes no messages for now: " + *blocked, where));
  }
  void on(Session::Unblocked) { blocked.reset(); }
  void on(Session::Closed event) { link->die(event.code, std::move(event.text)); }

  void on_input(std::string_view input) {
    const auto of = link;
    for (auto& event : of->session.received(input, steady_clock::now())) {
      if (of->is_dead) break;
      std::visit([this](auto& each) { on(std::move(each)); }, event);
    }
    kick();
    changed.notify_all();
  }

  // ---- coroutines ----
  static awaitable<void> write(std::shared_ptr<Parts> me, std::shared_ptr<Link> link) {
    while (!link->is_dead) {
      const auto batch = link->session.take_output(steady_clock::now());  // all that gathered while the last write ran
      if (batch.empty()) {
        link->wake_writer.expires_at(steady_clock::time_point::max());
        co_await link->wake_writer.async_wait(as_pair);
        continue;
      }
      link->writing = batch.size();
      auto [ec, size] = co_await asio::async_write(link->socket, asio::buffer(batch), as_pair);
      link->writing = 0;
      if (ec) link->die(0, "cannot write: " + ec.message());
      me->changed.notify_all();
    }
  }

  static awaitable<void> tick(std::shared_ptr<Parts> me, std::shared_ptr<Link> link) {
    const auto begun = steady_clock::now();
    while (!link->is_dead) {
      const auto now = steady_clock::now();
      const auto end = link->session.tick(now);
      if (end) {
        link->die(end->code, end->text);
      } else if (!me->connected && now - begun >= me->options.connect_limit) {
        link->die(0, "the broker did not open the connection in time");
      } else {
        if (link->session.output_size() != 0) link->wake_writer.cancel();
        link->wake_ticker.expires_after(std::min(link->session.tick_every(), me->options.connect_limit));
        co_await link->wake_ticker.async_wait(as_pair);
      }
    }
  }

  static awaitable<void> read(std::shared_ptr<Parts> me, std::shared_ptr<Link> link) {
    std::vector<char> buffer(read_bytes);
    while (!link->is_dead) {
      auto [ec, size] = co_await link->socket.async_read_some(asio::buffer(buffer), as_pair);
      if (ec) {
        link->die(0, ec == asio::error::eof ? "the broker closed the connection" : "cannot read: " + ec.message());
      } else {
        me->on_input({buffer.data(), size});
      }
    }
  }

  static awaitable<void> run(std::shared_ptr<Parts> me) {
    while (!me->stopping) {
      const Session::Login login{.user = me->options.broker.user,
                                 .password = me->options.broker.password,
                                 .vhost = me->options.broker.vhost,
                                 .name = me->options.name,
                                 .heartbeat = me->options.heartbeat};
      const auto link = std::make_shared<Link>(me->executor, login);
      me->link = link;
      auto failed = co_await connect(link, me->options.broker.host, me->options.broker.port, me->options.connect_limit);
      if (!failed.empty()) {
        link->die(0, failed);
      } else {
        asio::co_spawn(me->executor, write(me, link), asio::detached);
        asio::co_spawn(me->executor, tick(me, link), asio::detached);
        co_await read(me, link);
      }
      me->disconnected(*link);
      if (me->stopping) break;
      me->pause.expires_after(pause_before(me->attempts++, me->options.pause_min, me->options.pause_max, me->options.random()));
      co_await me->pause.async_wait(as_pair);
    }
    me->running = false;
    me->changed.notify_all();
  }

  void disconnected(const Link& dead) {
    link.reset();
    connected = false;
    blocked.reset();
    numbers.clear();
    why_not = dead.why;
    const auto error = dead.why_code >= 400 ? refused(dead.why, where) : unavailable(dead.why, where);
    if (!stopping) tell(error);
    std::vector<ChannelId> open_ones;
    for (auto& [id, channel] : channels) {
      if (channel.number != 0) open_ones.push_back(id);
      channel.number = 0;  // of all, before the first listener may use the client
      channel.is_open = false;
    }
    for (const auto id : open_ones) {
      auto* channel = registered(id);
      if (channel != nullptr) lose(*channel, error);
    }
    changed.notify_all();
  }

  void begin_stop() {
    if (std::exchange(stopping, true)) return;
    pause.cancel();
    changed.notify_all();
    if (!link) return;
    if (!connected) return link->die(200, "stopped");
    link->session.close();
    kick();
    auto timer = std::make_shared<asio::steady_timer>(executor, goodbye_limit);
    timer->async_wait([timer, dying = std::weak_ptr<Link>(link)](boost::system::error_code) {
      if (const auto still = dying.lock()) still->die(0, "no goodbye from the broker");
    });
  }

  // ---- publishing ----
  [[nodiscard]] bool has_room(const Registered& channel) const {
    return channel.is_open && !blocked && channel.confirms.size() < options.unconfirmed_max &&
           link->session.output_size() + link->writing < options.output_bytes_max;
  }

  [[nodiscard]] std::string state() const {
    if (stopping) return "stopped";
    if (!connected) return "connecting: " + why_not;
    return blocked ? "blocked: " + *blocked : "connected";
  }

  [[nodiscard]] std::string in_the_way(const Registered& channel) const {
    if (!connected || stopping || blocked) return state();
    if (channel.why_not) return channel.why_not->what;
    return channel.is_open ? "the broker is slow" : "the channel is not open yet";
  }

  static awaitable<Result<void>> publish(std::shared_ptr<Parts> me, ChannelId id, std::vector<Message> messages,
                                         steady_clock::time_point until) {
    std::size_t returned = 0;
    for (std::size_t at = 0; at < messages.size();) {
      auto* channel = me->registered(id);
      if (channel == nullptr || me->stopping) co_return fail(unavailable("the channel is closed", me->where));
      if (!me->has_room(*channel)) {
        if (steady_clock::now() >= until) co_return fail(unavailable(me->in_the_way(*channel), me->where));
        co_await me->changed.wait_until(until);
        continue;
      }
      const auto batch = std::make_shared<Batch>();
      for (const auto end = std::min(messages.size(), at + chunk_max); at < end; ++at) {
        const auto tag = me->link->session.publish(channel->number, messages[at]);
        if (tag == 0) batch->lost = true;  // its end is on the way
        if (tag != 0) channel->confirms.sent(tag, batch);
      }
      me->kick();
      while (!batch->is_done() && steady_clock::now() < until) co_await me->changed.wait_until(until);
      if (batch->lost) co_return fail(unavailable("the connection was lost before the broker had confirmed", me->where));
      if (!batch->is_done()) co_return fail(unavailable("the broker has not confirmed in time", me->where));
      if (batch->refused != 0) co_return fail(unavailable("the broker could not take the messages", me->where));
      returned += batch->returned;
    }
    if (returned != 0) {
      co_return fail({.code = "amqp.returned",
                      .what = std::to_string(returned) + " of " + std::to_string(messages.size()) + " messages reached no queue",
                      .where = me->where,
                      .way_out = {}});
    }
    co_return Result<void>();
  }

  static awaitable<Result<void>> opened(std::shared_ptr<Parts> me, ChannelId id, steady_clock::time_point until) {
    for (;;) {
      const auto* channel = me->registered(id);
      if (channel == nullptr || me->stopping) co_return fail(unavailable("the channel is closed", me->where));
      if (channel->is_open) co_return Result<void>();
      if (steady_clock::now() >= until) co_return fail(unavailable(me->in_the_way(*channel), me->where));
      co_await me->changed.wait_until(until);
    }
  }

  ChannelId add(ChannelSpec spec, Listener listener, bool tells = true) {
    const auto id = ++last_channel;
    auto& channel = channels[id];
    channel.spec = std::move(spec);
    channel.listener = std::make_shared<const Listener>(std::move(listener));
    channel.tells = tells;
    open(channel);
    return id;
  }

  void remove(ChannelId id) {
    auto* channel = registered(id);
    if (channel == nullptr) return;
    if (channel->number != 0 && link) link->session.close_channel(channel->number);
    channel->confirms.lose_all();
    channels.erase(id);
    kick();
    changed.notify_all();
  }

  static awaitable<Result<std::vector<QueueFacts>>> once(std::shared_ptr<Parts> me, std::vector<Declaration> declarations,
                                                         steady_clock::time_point until) {
    // Its own, as the listener may be called after this has returned.
    struct Answer {
      std::optional<std::vector<QueueFacts>> queues;
      std::optional<Error> error;
    };
    const auto answer = std::make_shared<Answer>();
    ChannelSpec spec;
    spec.declarations = std::move(declarations);
    const auto id = me->add(std::move(spec),
                            {.opened = [answer](std::vector<QueueFacts> queues) { answer->queues = std::move(queues); },
                             .delivered = {},
                             .lost = [answer](const Error& error) { answer->error = error; }},
                            false);
    const auto is_final = [&] { return answer->queues || (answer->error && answer->error->code == "amqp.refused"); };
    while (!is_final() && !me->stopping && steady_clock::now() < until) co_await me->changed.wait_until(until);
    me->remove(id);
    if (answer->queues) co_return *answer->queues;
    co_return fail(answer->error ? *answer->error : unavailable(me->state(), me->where));
  }

  static awaitable<void> stop(std::shared_ptr<Parts> me, milliseconds limit) {
    const auto until = steady_clock::now() + limit;
    me->begin_stop();
    while (me->running && steady_clock::now() < until) co_await me->changed.wait_until(until);
    if (me->link) me->link->die(0, "stopped");
  }
};

Client::Client(asio::any_io_executor executor, ClientOptions options)
    : parts_(std::make_shared<Parts>(std::move(executor), std::move(options))) {
  BATON_ASSERT(parts_->options.random != nullptr);
}

Client::~Client() {
  const auto deaf = std::make_shared<const Listener>();
  for (auto& [id, channel] : parts_->channels) channel.listener = deaf;
  parts_->options.trouble = {};
  parts_->begin_stop();
}

void Client::start() {
  if (std::exchange(parts_->started, true)) return;
  parts_->running = true;
  parts_->why_not = "not yet";
  asio::co_spawn(parts_->executor, Parts::run(parts_), asio::detached);
}

Client::ChannelId Client::add(ChannelSpec spec, Listener listener) { return parts_->add(std::move(spec), std::move(listener)); }
void Client::remove(ChannelId channel) { parts_->remove(channel); }

void Client::reopen(ChannelId id) {
  auto* channel = parts_->registered(id);
  if (channel == nullptr || !channel->is_open) return;
  channel->is_open = false;
  parts_->link->session.close_channel(channel->number);
  parts_->kick();
}

awaitable<Result<void>> Client::publish(ChannelId channel, std::vector<Message> messages, milliseconds limit) {
  return Parts::publish(parts_, channel, std::move(messages), steady_clock::now() + limit);
}

bool Client::publish_now(ChannelId id, const Message& message) {
  auto* channel = parts_->registered(id);
  if (channel == nullptr || !parts_->has_room(*channel)) return false;
  parts_->link->session.publish(channel->number, message);
  parts_->kick();
  return true;
}

void Client::settle(ChannelId id, std::uint64_t tag, Settle how) {
  const auto* channel = parts_->registered(id);
  if (channel == nullptr || !channel->is_open) return;
  parts_->link->session.settle(channel->number, tag, how);
  parts_->kick();
}

void Client::set_prefetch(ChannelId id, std::uint16_t prefetch) {
  auto* channel = parts_->registered(id);
  if (channel == nullptr) return;
  channel->spec.prefetch = prefetch;
  if (channel->number == 0) return;
  parts_->link->session.set_prefetch(channel->number, prefetch);
  parts_->kick();
}

awaitable<Result<std::vector<QueueFacts>>> Client::once(std::vector<Declaration> declarations, milliseconds limit) {
  return Parts::once(parts_, std::move(declarations), steady_clock::now() + limit);
}

awaitable<Result<void>> Client::opened(ChannelId channel, milliseconds limit) {
  return Parts::opened(parts_, channel, steady_clock::now() + limit);
}

awaitable<void> Client::stop(milliseconds limit) { return Parts::stop(parts_, limit); }

bool Client::is_connected() const { return parts_->connected; }
bool Client::is_open(ChannelId id) const {
  const auto* channel = parts_->registered(id);
  return channel != nullptr && channel->is_open;
}
bool Client::is_blocked() const { return parts_->blocked.has_value(); }
std::uint64_t Client::reconnects() const { return parts_->connections == 0 ? 0 : parts_->connections - 1; }
std::size_t Client::unconfirmed() const {
  std::size_t count = 0;
  for (const auto& [id, channel] : parts_->channels) count += channel.confirms.size();
  return count;
}
std::string Client::state() const { return parts_->state(); }

}  // namespace baton::amqp
