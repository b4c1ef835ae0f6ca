#include "events/rabbitmq/rabbit_events.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "fixture.hpp"

namespace baton::test {
namespace {

using nlohmann::json;

class EventsTest : public RabbitTest {
 public:
  // What goes to the topic of progress for one project, until the client is stopped.
  std::unique_ptr<amqp::Client> hear(const std::string& project, std::vector<amqp::Delivery>& heard, bool& listens) {
    constexpr auto progress = "simcore.services.progress.v2";
    auto out = client();
    amqp::ChannelSpec spec;
    spec.declarations = {amqp::DeclareExchange{.name = progress, .type = "topic", .arguments = {}},
                         amqp::DeclareQueue{.durable = false, .exclusive = true, .auto_delete = true, .arguments = {}},
                         amqp::Bind{"", progress, project + ".*"}};
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
    const auto listener = hear(run.project.value(), heard, listens);
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
};

TEST_F(EventsTest, progress_goes_to_its_topic) {
  drive_as<EventsTest>([](EventsTest& test) { return test.progress_is_heard(); });
}

}  // namespace
}  // namespace baton::test
