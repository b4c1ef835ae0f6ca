#include "queue/rabbitmq/rabbit_queue.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <optional>
#include <utility>

#include "queue/rabbitmq/message.hpp"

namespace baton {
namespace asio = boost::asio;
namespace {

using std::chrono::steady_clock;
constexpr std::size_t prefetch_max = 60'000;  // a 16 bit field of the protocol
constexpr auto poison_pause = std::chrono::seconds(5);
constexpr std::size_t poison_bytes_max = 64 * 1024;
constexpr std::string_view longest_affix = "delayed_";  // as long as `.poison`, and a letter

// A receiver that found nothing; lives in its coroutine's frame. Messages are handed to the one that waits longest.
struct Receiver {
  std::unique_ptr<Event> event;
  std::optional<Delivery> delivery;
};

std::string exchange_of(const RabbitOptions& options) { return options.exchange.empty() ? options.queue : options.exchange; }
std::string poison_of(const RabbitOptions& options) { return options.queue + ".poison"; }

Error closed_error() { return {.code = "queue.closed", .what = "the queue is closed", .where = {}, .way_out = {}}; }

// The client's troubles in the words of the port.
Error in_words_of_queue(const Error& error, const RabbitOptions& options) {
  if (error.code != "amqp.refused") {
    return {.code = "queue.unavailable", .what = "RabbitMQ: " + error.what, .where = error.where, .way_out = "it is tried again"};
  }
  return {.code = "queue.refused",
          .what = "RabbitMQ refuses queue '" + options.queue + "': " + error.what,
          .where = error.where,
          .way_out = "delete what is there of that name, or set the arguments (or the login) that it has; it is tried again"};
}

}  // namespace

std::vector<amqp::Declaration> scheduling_topology(const RabbitOptions& options) {
  const auto exchange = exchange_of(options);
  const auto delayed_exchange = "delayed_" + exchange, delayed_queue = "delayed_" + options.queue;
  const amqp::Table arguments{{"x-message-ttl", std::int64_t{options.message_ttl.count()}},
                              {"x-dead-letter-exchange", delayed_exchange}};
  const amqp::Table delayed{{"x-message-ttl", std::int64_t{options.retry_delay.count()}}, {"x-dead-letter-exchange", exchange}};
  return {amqp::DeclareExchange{.name = exchange, .arguments = {}},
          amqp::DeclareExchange{.name = delayed_exchange, .arguments = {}},
          amqp::DeclareQueue{.name = options.queue, .arguments = options.queue_arguments.value_or(arguments)},
          amqp::DeclareQueue{.name = delayed_queue, .arguments = options.delayed_arguments.value_or(delayed)},
          amqp::Bind{options.queue, exchange, ""},
          amqp::Bind{delayed_queue, delayed_exchange, ""}};
}

struct RabbitQueue::State : std::enable_shared_from_this<State> {
  State(Runtime& with, asio::any_io_executor ex, RabbitOptions wanted)
      : runtime(with), executor(std::move(ex)), options(std::move(wanted)), due(executor) {}

  struct Held {
    std::uint64_t broker_tag = 0;
    std::optional<steady_clock::time_point> back_at;  // waits for its requeue
  };

  Runtime& runtime;
  asio::any_io_executor executor;
  RabbitOptions options;
  std::unique_ptr<amqp::Client> consumer, publisher;
  amqp::Client::ChannelId deliveries = 0, messages = 0;
  std::list<Receiver*> receivers;
  // Unsettled deliveries by our own tags, which are never used twice: one of a channel that has gone is simply not here any more.
  std::map<std::uint64_t, Held> held;
  std::uint64_t last_tag = 0;
  std::multimap<steady_clock::time_point, std::uint64_t> delayed;
  std::vector<std::pair<std::uint64_t, amqp::Settle>> settled;  // broker's tags; sent by the next flush()
  std::uint16_t prefetch = 0;
  bool flushing = false;  // it is on its way
  bool closed = false;
  std::uint64_t epoch = 0;  // of the channel of deliveries
  asio::steady_timer due;

  // ---- what the broker may send ----
  // As many as are held and are waited for: so none lies here while no worker is free. What is moved to the poison queue has the place
  // of the receiver that it did not reach.
  [[nodiscard]] std::uint16_t wanted() const {
    return closed ? std::uint16_t{0} : static_cast<std::uint16_t>(std::min(prefetch_max, held.size() + receivers.size()));
  }

  // In the next turn of the loop: a worker that settles and asks for the next message changes nothing in between.
  void flush_soon() {
    if (std::exchange(flushing, true)) return;
    asio::post(executor, [weak = weak_from_this()] {
      const auto me = weak.lock();
      if (me) me->flush();
    });
  }

  void flush() {
    flushing = false;
    const auto want = wanted();
    // Room that is not wanted any more goes before it becomes free: else the broker would fill it at once.
    if (want < prefetch) consumer->set_prefetch(deliveries, want);
    for (const auto& [tag, how] : std::exchange(settled, {})) consumer->settle(deliveries, tag, how);
    if (want > prefetch) consumer->set_prefetch(deliveries, want);
    prefetch = want;
  }

  void settle(std::uint64_t tag, amqp::Settle how) {
    const auto found = held.find(tag);
    if (found == held.end()) return;
    settled.emplace_back(found->second.broker_tag, how);
    held.erase(found);
    flush_soon();
  }

  // ---- what comes ----
  void delivered(amqp::Delivery delivery) {
    auto run = from_message(delivery.truncated ? std::string_view() : std::string_view(delivery.body));
    if (!run) {
      asio::co_spawn(executor, poison(shared_from_this(), std::move(delivery), run.error(), epoch), asio::detached);
      return;
    }
    if (receivers.empty()) {  // it was on its way when the last one left
      settled.emplace_back(delivery.tag, amqp::Settle::requeue);
      return flush_soon();
    }
    auto* receiver = receivers.front();
    receivers.pop_front();
    const auto tag = ++last_tag;
    held.emplace(tag, Held{delivery.tag, {}});
    receiver->delivery = Delivery{std::move(*run), tag};
    receiver->event->notify();
  }

  void lost() {
    ++epoch;
    held.clear();
    delayed.clear();
    settled.clear();
    flush_soon();
  }

  // A dead letter would come back after a second, for ever: what nobody can read is put aside, where a person finds it.
  static awaitable<void> poison(std::shared_ptr<State> me, amqp::Delivery delivery, Error why, std::uint64_t epoch) {
    amqp::Message message;
    message.routing_key = poison_of(me->options);
    message.body = delivery.body.substr(0, poison_bytes_max);
    message.content_type = delivery.content_type;
    message.headers = {{"x-baton-why", why.what}};
    std::vector<amqp::Message> one;
    one.push_back(std::move(message));
    const auto moved = co_await me->publisher->publish(me->messages, std::move(one), me->options.publish_limit);
    if (me->options.trouble) {
      why.where = "queue " + me->options.queue;
      why.way_out = moved ? "it was moved to " + poison_of(me->options) : "it could not be moved: it is tried again";
      me->options.trouble(why);
    }
    if (epoch != me->epoch) co_return;
    if (moved) {
      me->settled.emplace_back(delivery.tag, amqp::Settle::ack);
      me->flush_soon();
    } else {
      const auto tag = ++me->last_tag;
      me->held.emplace(tag, Held{delivery.tag, {}});
      me->delay(tag, poison_pause);
      me->flush_soon();
    }
  }

  // ---- requeues ----
  void delay(std::uint64_t tag, steady_clock::duration after) {
    const auto found = held.find(tag);
    if (found == held.end() || found->second.back_at) return;
    const auto back_at = steady_clock::now() + after;
    found->second.back_at = back_at;
    delayed.emplace(back_at, tag);
    if (delayed.size() > options.delayed_max) give_back_first();
    arm();
  }

  void give_back_first() {
    const auto tag = delayed.begin()->second;
    delayed.erase(delayed.begin());
    settle(tag, amqp::Settle::requeue);
  }

  void arm() {
    if (delayed.empty()) return;
    due.expires_at(delayed.begin()->first);
    due.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto me = weak.lock();
      if (!me || error) return;
      const auto now = steady_clock::now();
      while (!me->delayed.empty() && me->delayed.begin()->first <= now) me->give_back_first();
      me->arm();
    });
  }

  void close() {
    if (std::exchange(closed, true)) return;
    for (auto* receiver : receivers) receiver->event->notify();
    flush_soon();
  }

  void told(const Error& error) const {
    if (options.trouble) options.trouble(in_words_of_queue(error, options));
  }

  [[nodiscard]] amqp::ClientOptions client_options(std::string role) {
    amqp::ClientOptions out;
    out.broker = options.broker;
    out.name = options.name + " " + std::move(role);
    out.heartbeat = options.heartbeat;
    out.random = [&from = runtime] { return from.random(); };
    out.trouble = [weak = weak_from_this()](const Error& error) {
      const auto me = weak.lock();
      if (me) me->told(error);
    };
    return out;
  }

  void connect() {
    consumer = std::make_unique<amqp::Client>(executor, client_options("consumer"));
    publisher = std::make_unique<amqp::Client>(executor, client_options("publisher"));
    const auto weak = weak_from_this();
    amqp::ChannelSpec consuming;
    consuming.declarations = scheduling_topology(options);
    consuming.consumer = amqp::Consumer{.queue = options.queue};
    deliveries = consumer->add(std::move(consuming), {.opened = {},
                                                      .delivered =
                                                          [weak](amqp::Delivery delivery) {
                                                            const auto me = weak.lock();
                                                            if (me) me->delivered(std::move(delivery));
                                                          },
                                                      .lost =
                                                          [weak](const Error&) {
                                                            const auto me = weak.lock();
                                                            if (me) me->lost();
                                                          }});
    // The publisher declares the queue as well: else the first wake-ups of a new broker would be lost.
    amqp::ChannelSpec publishing;
    publishing.declarations = scheduling_topology(options);
    publishing.declarations.emplace_back(amqp::DeclareQueue{
        .name = poison_of(options), .arguments = {{"x-max-length", options.poison_max}, {"x-overflow", "drop-head"}}});
    publishing.confirms = true;
    messages = publisher->add(std::move(publishing), {});
    consumer->start();
    publisher->start();
  }
};

Result<void> RabbitQueue::check(const RabbitOptions& options) {
  const auto longest = std::max(options.queue.size(), options.exchange.size()) + longest_affix.size();
  if (!options.queue.empty() && longest <= amqp::name_bytes_max) return {};
  return fail({.code = "queue.bad_setting",
               .what = "the name of the queue or of its exchange is empty or too long for RabbitMQ",
               .where = options.queue,
               .way_out = "at most " + std::to_string(amqp::name_bytes_max - longest_affix.size()) + " bytes"});
}

RabbitQueue::RabbitQueue(Runtime& runtime, asio::any_io_executor executor, RabbitOptions options)
    : state_(std::make_shared<State>(runtime, std::move(executor), std::move(options))) {
  BATON_ASSERT(check(state_->options));
  state_->connect();
}

RabbitQueue::~RabbitQueue() {
  state_->close();
  state_->options.trouble = {};
  state_->flush();
  state_->due.cancel();
}

awaitable<Result<void>> RabbitQueue::publish(std::vector<core::RunKey> runs) {
  const auto me = state_;
  std::vector<amqp::Message> messages;
  messages.reserve(runs.size());
  for (const auto& run : runs) {
    amqp::Message message;
    message.exchange = exchange_of(me->options);
    message.body = to_message(run, me->options.queue);
    messages.push_back(std::move(message));
  }
  const auto published = co_await me->publisher->publish(me->messages, std::move(messages), me->options.publish_limit);
  if (published) co_return Result<void>();
  // Somebody has deleted the queue, or its binding: they are made anew.
  if (published.error().code == "amqp.returned") me->publisher->reopen(me->messages);
  auto error = in_words_of_queue(published.error(), me->options);
  error.code = "queue.unavailable";
  co_return fail(std::move(error));
}

awaitable<Result<Delivery>> RabbitQueue::receive() {
  const auto me = state_;
  if (me->closed) co_return fail(closed_error());
  Receiver receiver{me->runtime.event(), {}};
  struct Registration {  // also undone when the frame is destroyed while it waits
    State& in;
    Receiver* receiver;
    ~Registration() {
      in.receivers.remove(receiver);
      if (receiver->delivery) in.settle(receiver->delivery->tag, amqp::Settle::requeue);
      in.flush_soon();
    }
  } registration{*me, &receiver};
  me->receivers.push_back(&receiver);
  me->flush_soon();
  while (!receiver.delivery && !me->closed) co_await receiver.event->wait();
  if (!receiver.delivery) co_return fail(closed_error());
  auto delivery = *std::exchange(receiver.delivery, std::nullopt);
  co_return delivery;
}

awaitable<void> RabbitQueue::ack(Delivery delivery) {
  state_->settle(delivery.tag, amqp::Settle::ack);
  co_return;
}

awaitable<void> RabbitQueue::requeue(Delivery delivery, core::Duration after) {
  if (after <= core::Duration::zero()) {
    state_->settle(delivery.tag, amqp::Settle::requeue);
  } else {
    state_->delay(delivery.tag, after);
  }
  co_return;
}

void RabbitQueue::close() { state_->close(); }

awaitable<void> RabbitQueue::stop(amqp::milliseconds limit) {
  const auto me = state_;
  me->close();
  me->flush();
  co_await me->consumer->stop(limit);
  co_await me->publisher->stop(limit);
}

void RabbitQueue::lose_channel() { state_->consumer->reopen(state_->deliveries); }

awaitable<Result<std::uint32_t>> RabbitQueue::depth() {
  const auto me = state_;
  std::vector<amqp::Declaration> look{amqp::DeclareQueue{.name = me->options.queue, .passive = true}};
  const auto facts = co_await me->publisher->once(std::move(look), amqp::milliseconds(1000));
  if (!facts) co_return fail(in_words_of_queue(facts.error(), me->options));
  co_return facts->empty() ? 0 : facts->front().messages;
}

bool RabbitQueue::is_consuming() const { return !state_->closed && state_->consumer->is_open(state_->deliveries); }
std::uint64_t RabbitQueue::reconnects() const { return state_->consumer->reconnects() + state_->publisher->reconnects(); }
std::size_t RabbitQueue::unconfirmed() const { return state_->publisher->unconfirmed(); }
std::size_t RabbitQueue::held() const { return state_->held.size(); }

std::string RabbitQueue::state() const {
  for (const auto* client : {state_->consumer.get(), state_->publisher.get()}) {
    auto text = client->state();
    if (text != "connected") return text;
  }
  return state_->consumer->is_open(state_->deliveries) ? "connected" : "refused: the queue is not declared";
}

}  // namespace baton
