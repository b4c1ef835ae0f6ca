#include "events/rabbitmq/rabbit_events.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "events/rabbitmq/topics.hpp"

namespace baton {
namespace {

using nlohmann::json;

std::optional<core::RunKey> run_in(const std::string& body) {
  const auto read = json::parse(body, nullptr, false);
  if (!read.is_object()) return std::nullopt;
  const auto user = read.find("user_id"), project = read.find("project_id"), iteration = read.find("iteration");
  const bool whole = user != read.end() && user->is_number_integer() && project != read.end() && project->is_string() &&
                     iteration != read.end() && iteration->is_number_integer();
  if (!whole) return std::nullopt;
  return core::RunKey{UserId(user->get<std::int64_t>()), ProjectId(project->get<std::string>()),
                      Iteration(iteration->get<std::int64_t>())};
}

Error in_words_of_events(const Error& error) {
  return {.code = error.code == "amqp.refused" ? "events.refused" : "events.unavailable",
          .what = "RabbitMQ: " + error.what,
          .where = error.where,
          .way_out = "it is tried again"};
}

}  // namespace

struct RabbitEvents::State {
  RabbitEventsOptions options;
  std::function<void(const core::RunKey&)> heard = [](const core::RunKey&) {};
  std::unique_ptr<amqp::Client> surely, perhaps;
  amqp::Client::ChannelId topics = 0, progress_out = 0, changes_out = 0, changes_in = 0;
};

RabbitEvents::RabbitEvents(Runtime& runtime, boost::asio::any_io_executor executor, RabbitEventsOptions options)
    : state_(std::make_shared<State>()) {
  auto& state = *state_;
  state.options = std::move(options);
  const auto client = [&](const char* part) {
    amqp::ClientOptions wanted;
    wanted.broker = state.options.broker;
    wanted.name = state.options.name + part;
    wanted.random = [&runtime] { return runtime.random(); };
    wanted.trouble = [trouble = state.options.trouble](const Error& error) { trouble(in_words_of_events(error)); };
    return std::make_unique<amqp::Client>(executor, std::move(wanted));
  };
  state.surely = client(" events");
  state.perhaps = client(" changes");
  state.topics = state.surely->add({.declarations = events::topics(), .confirms = true}, {});
  state.progress_out = state.perhaps->add({.declarations = {events::progress_topic()}}, {});
  const amqp::DeclareExchange exchange{.name = state.options.changed_exchange, .durable = false, .arguments = {}};
  state.changes_out = state.perhaps->add({.declarations = {exchange}}, {});
  const std::weak_ptr<State> weak = state_;
  state.changes_in = state.perhaps->add(
      {.declarations = {exchange,
                        amqp::DeclareQueue{
                            .durable = false, .exclusive = true, .auto_delete = true, .arguments = {{"x-max-length", 10'000}}},
                        amqp::Bind{"", state.options.changed_exchange, ""}},
       .consumer = amqp::Consumer{.queue = "", .acknowledges = false},
       .prefetch = 100},
      {.opened =
           [weak](const std::vector<amqp::QueueFacts>&) {
             if (const auto self = weak.lock()) self->heard({});  // some may have been missed
           },
       .delivered =
           [weak](const amqp::Delivery& delivery) {
             const auto self = weak.lock();
             const auto run = self ? run_in(delivery.body) : std::nullopt;
             if (run) self->heard(*run);
           },
       .lost = [](const Error&) {}});
  state.surely->start();
  state.perhaps->start();
}

RabbitEvents::~RabbitEvents() = default;

awaitable<Result<void>> RabbitEvents::publish(std::vector<Outgoing> messages) {
  const auto state = state_;
  std::vector<amqp::Message> all;
  for (const auto& outgoing : messages)
    for (auto& message : events::messages_of(outgoing)) all.push_back(std::move(message));
  const auto published = co_await state->surely->publish(state->topics, std::move(all), state->options.publish_limit);
  if (!published) co_return fail(in_words_of_events(published.error()));
  co_return Result<void>{};
}

void RabbitEvents::changed(const core::RunKey& run) {
  const json body{{"user_id", run.user.value()}, {"project_id", run.project.value()}, {"iteration", run.iteration.value()}};
  static_cast<void>(
      state_->perhaps->publish_now(state_->changes_out, {.exchange = state_->options.changed_exchange,
                                                         .routing_key = {},
                                                         .body = body.dump(-1, ' ', false, json::error_handler_t::replace),
                                                         .persistent = false,
                                                         .mandatory = false}));
}

void RabbitEvents::progressed(const core::RunKey& run, const NodeId& node, double progress) {
  static_cast<void>(state_->perhaps->publish_now(state_->progress_out, events::progress_of(run, node, progress)));
}

void RabbitEvents::on_changed(std::function<void(const core::RunKey&)> heard) { state_->heard = std::move(heard); }

awaitable<void> RabbitEvents::stop(amqp::milliseconds limit) {
  const auto state = state_;
  co_await state->surely->stop(limit);
  co_await state->perhaps->stop(limit);
}

}  // namespace baton
