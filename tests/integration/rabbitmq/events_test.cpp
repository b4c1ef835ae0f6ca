#include "events/rabbitmq/rabbit_events.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "fixture.hpp"

namespace baton::test {
namespace {

using nlohmann::json;

class EventsTest : public RabbitTest {
 public:
  // What goes to an exchange by such routing keys, until the client is stopped.
  std::unique_ptr<amqp::Client> hear(const std::string& exchange, const std::string& type, const std::string& key,
                                     std::vector<amqp::Delivery>& heard, bool& listens) {
    auto out = client();
    amqp::ChannelSpec spec;
    spec.declarations = {amqp::DeclareExchange{.name = exchange, .type = type, .arguments = {}},
                         amqp::DeclareQueue{.durable = false, .exclusive = true, .auto_delete = true, .arguments = {}},
                         amqp::Bind{"", exchange, key}};
    spec.consumer = amqp::Consumer{.queue = "", .acknowledges = false};
    spec.prefetch = 100;
    out->add(std::move(spec), {.opened = [&listens](const std::vector<amqp::QueueFacts>&) { listens = true; },
                               .delivered = [&heard](amqp::Delivery delivery) { heard.push_back(std::move(delivery)); },
                               .lost = [](const Error&) {}});
    return out;
  }
  awaitable<void> progress_is_heard() {
    const core::RunKey run{UserId(7), ProjectId(runtime_.uuid()), Iteration(2)};
    std::vector<amqp::Delivery> heard;
    bool listens = false;
    const auto listener = hear("simcore.services.progress.v2", "topic", run.project.value() + ".*", heard, listens);
    RabbitEvents events(runtime_, runtime_.io().get_executor(), {.broker = broker()});
    const auto ready = co_await eventually([&] { return listens; });
    EXPECT_TRUE(ready);

    // Best effort: what is told before the connection is there is dropped.
    const auto came = co_await eventually([&] {
      if (heard.empty()) events.progressed(run, NodeId("n"), 0.25);
      return !heard.empty();
    });

    EXPECT_TRUE(came);
    if (came) {
      EXPECT_EQ(
          json::parse(heard.front().body),
          (json{{"channel_name", "simcore.services.progress.v2"},
                {"user_id", 7},
                {"project_id", run.project.value()},
                {"node_id", "n"},
                {"progress_type", "COMPUTATION_RUNNING"},
                {"report", {{"actual_value", 0.25}, {"total", 1}, {"attempt", 0}, {"unit", nullptr}, {"message", nullptr}}}}));
    }
    co_await events.stop(5s);
    co_await listener->stop(5s);
  }

  struct Ear {
    std::string exchange, type, key;
    std::vector<amqp::Delivery> heard{};
    bool listens = false;
    std::unique_ptr<amqp::Client> client{};
  };
  // One entry of the outbox for each kind of news, all of one run.
  static std::vector<Outgoing> news(const core::RunKey& run) {
    std::vector<Outgoing> all;
    for (const auto what : {core::Told::run_result, core::Told::run_log, core::Told::task_started, core::Told::task_stopped}) {
      const auto n = static_cast<std::int32_t>(all.size());
      const bool of_task = what == core::Told::task_started || what == core::Told::task_stopped;
      all.push_back({.id = n + 1,
                     .run = run,
                     .run_id = RunId(5),
                     .fence = Fence(9),
                     .n = n,
                     .node = NodeId(of_task ? "n" : ""),
                     .metadata = R"({"project_name": "reads"})",
                     .what = {.what = what, .state = core::State::success, .text = of_task ? "" : "a line", .level = 30}});
    }
    return all;
  }
  // Fanouts bring what other tests tell at the same time, too.
  static std::vector<amqp::Delivery> those_of(const core::RunKey& run, const std::vector<amqp::Delivery>& heard) {
    std::vector<amqp::Delivery> own;
    for (const auto& delivery : heard)
      if (delivery.body.find(run.project.value()) != std::string::npos) own.push_back(delivery);
    return own;
  }
  awaitable<void> news_is_heard() {
    const core::RunKey run{UserId(7), ProjectId(runtime_.uuid()), Iteration(2)};
    const auto& project = run.project.value();
    std::vector<Ear> ears;
    ears.push_back(
        {.exchange = "io.simcore.service.computation.pipeline-status", .type = "topic", .key = project + ".all_nodes"});
    ears.push_back({.exchange = "simcore.services.logs.v2", .type = "topic", .key = project + ".30"});
    ears.push_back({.exchange = "io.simcore.service.tracking", .type = "fanout", .key = ""});
    ears.push_back({.exchange = "simcore.services.instrumentation", .type = "fanout", .key = ""});
    for (auto& ear : ears) ear.client = hear(ear.exchange, ear.type, ear.key, ear.heard, ear.listens);
    const auto ready = co_await eventually([&] { return std::ranges::all_of(ears, &Ear::listens); });
    EXPECT_TRUE(ready);
    RabbitEvents events(runtime_, runtime_.io().get_executor(), {.broker = broker()});

    const auto published = co_await events.publish(news(run));

    EXPECT_TRUE(published.has_value());
    const std::vector<std::vector<std::int64_t>> expected{{0}, {1}, {2, 3}, {2, 3}};  // n of each message
    const auto came = co_await eventually([&] {
      for (std::size_t i = 0; i < ears.size(); ++i)
        if (those_of(run, ears[i].heard).size() < expected[i].size()) return false;
      return true;
    });
    EXPECT_TRUE(came);
    for (std::size_t i = 0; came && i < ears.size(); ++i) check(ears[i], those_of(run, ears[i].heard), run, expected[i]);
    if (came) {
      EXPECT_EQ(json::parse(ears[0].heard[0].body)["run_result"], "SUCCESS");
      EXPECT_EQ(json::parse(ears[1].heard[0].body)["messages"], json::array({"a line"}));
      const auto tracked = those_of(run, ears[2].heard), measured = those_of(run, ears[3].heard);
      EXPECT_EQ(json::parse(tracked[0].body)["message_type"], "TRACKING_STARTED");
      EXPECT_EQ(json::parse(tracked[0].body)["project_name"], "reads");
      EXPECT_EQ(json::parse(tracked[1].body)["message_type"], "TRACKING_STOPPED");
      EXPECT_EQ(json::parse(measured[0].body)["metrics"], "service_started");
      EXPECT_EQ(json::parse(measured[1].body)["metrics"], "service_stopped");
      EXPECT_EQ(json::parse(measured[1].body)["result"], "SUCCESS");
    }
    co_await events.stop(5s);
    for (auto& ear : ears) co_await ear.client->stop(5s);
  }
  static void check(const Ear& ear, const std::vector<amqp::Delivery>& heard, const core::RunKey& run,
                    const std::vector<std::int64_t>& numbers) {
    ASSERT_EQ(heard.size(), numbers.size()) << ear.exchange;
    for (std::size_t i = 0; i < heard.size(); ++i) {
      const auto& delivery = heard[i];
      EXPECT_EQ(delivery.exchange, ear.exchange);
      EXPECT_EQ(delivery.routing_key, ear.key) << ear.exchange;
      EXPECT_EQ(delivery.content_type, "application/json");
      EXPECT_EQ(json::parse(delivery.body)["channel_name"], ear.exchange);
      EXPECT_NE(delivery.body.find(run.project.value()), std::string::npos);
      EXPECT_EQ(header(delivery, "baton-run"), 5) << ear.exchange;
      EXPECT_EQ(header(delivery, "baton-fence"), 9) << ear.exchange;
      EXPECT_EQ(header(delivery, "baton-n"), numbers[i]) << ear.exchange;
    }
  }
  static std::int64_t header(const amqp::Delivery& delivery, std::string_view name) {
    const auto* found = amqp::find(delivery.headers, name);
    const auto* number = found == nullptr ? nullptr : std::get_if<std::int64_t>(&found->is);
    return number == nullptr ? -1 : *number;
  }

  awaitable<void> changes_are_heard() {
    const core::RunKey run{UserId(7), ProjectId(runtime_.uuid()), Iteration(2)};
    const auto executor = runtime_.io().get_executor();
    RabbitEvents one(runtime_, executor, {.broker = broker(), .changed_exchange = name_ + ".changed"});
    RabbitEvents other(runtime_, executor, {.broker = broker(), .changed_exchange = name_ + ".changed"});
    std::vector<core::RunKey> heard, of_its_own;
    one.on_changed([&](const core::RunKey& key) { of_its_own.push_back(key); });
    other.on_changed([&](const core::RunKey& key) { heard.push_back(key); });
    const core::RunKey some_missed{};
    const auto listens = co_await eventually([&] { return !heard.empty() && !of_its_own.empty(); });
    EXPECT_TRUE(listens);
    EXPECT_EQ(heard, std::vector{some_missed}) << "what was told before it listened";

    const auto came = co_await eventually([&] {
      if (heard.size() < 2) one.changed(run);  // best effort: what is told before its channel is open is dropped
      return heard.size() > 1 && of_its_own.size() > 1;
    });

    EXPECT_TRUE(came);
    EXPECT_EQ(heard.back(), run);
    EXPECT_EQ(of_its_own.back(), run);
    co_await one.stop(5s);
    co_await other.stop(5s);
    std::vector<amqp::Declaration> exchange{amqp::DeleteExchange{name_ + ".changed"}};
    co_await once(std::move(exchange));
  }
};

TEST_F(EventsTest, progress_goes_to_its_topic) {
  drive_as<EventsTest>([](EventsTest& test) { return test.progress_is_heard(); });
}

TEST_F(EventsTest, all_news_of_a_run_goes_to_its_topics_with_its_place_in_the_order) {
  drive_as<EventsTest>([](EventsTest& test) { return test.news_is_heard(); });
}

TEST_F(EventsTest, a_change_that_one_replica_tells_of_is_heard_by_all) {
  drive_as<EventsTest>([](EventsTest& test) { return test.changes_are_heard(); });
}

}  // namespace
}  // namespace baton::test
