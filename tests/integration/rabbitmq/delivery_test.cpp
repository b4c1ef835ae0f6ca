/// MQ-1 to MQ-9 of the contract (C§10.13), on a real broker.
#include <algorithm>
#include <deque>
#include <utility>

#include "fixture.hpp"

namespace baton::test {
namespace {

using amqp::Settle;

// A handler of the reference: it fails, and a message that has died less than `attempts_max` times goes round once more.
struct FailingHandler {
  std::int64_t attempts_max = 15;
  int good_after = 1'000'000;        // it succeeds with this delivery
  std::vector<std::int64_t> deaths;  // as seen by each delivery
};

class MqTest : public RabbitTest {
 public:
  // Consumes with a handler until told otherwise; gives the client.
  std::unique_ptr<amqp::Client> subscribe(std::vector<amqp::Declaration> topology, FailingHandler& handler) {
    auto out = client();
    amqp::ChannelSpec spec;
    spec.declarations = std::move(topology);
    spec.consumer = amqp::Consumer{.queue = name_};
    spec.prefetch = 1;
    const auto channel = std::make_shared<amqp::Client::ChannelId>();
    *channel =
        out->add(std::move(spec), {.opened = {},
                                   .delivered =
                                       [consumer = out.get(), &handler, channel](amqp::Delivery delivery) {
                                         const auto deaths = amqp::death_count(delivery.headers);
                                         handler.deaths.push_back(deaths);
                                         const bool good = static_cast<int>(handler.deaths.size()) >= handler.good_after;
                                         const bool again = !good && deaths < handler.attempts_max;
                                         consumer->settle(*channel, delivery.tag, again ? Settle::dead_letter : Settle::ack);
                                       },
                                   .lost = {}});
    return out;
  }

  // Publishes one message to it, and waits until no queue holds it any more.
  awaitable<void> handle(FailingHandler& handler, std::size_t deliveries, std::string exchange_type) {
    auto wanted = options();
    wanted.retry_delay = 20ms;
    auto topology = scheduling_topology(wanted);
    std::get<amqp::DeclareExchange>(topology[0]).type = exchange_type;
    std::get<amqp::Bind>(topology[4]).routing_key = exchange_type == "topic" ? "a.*" : "";
    const auto consumer = subscribe(topology, handler);
    amqp::ChannelSpec publishing;
    publishing.declarations = topology;
    publishing.confirms = true;
    const auto channel = consumer->add(std::move(publishing), {});
    std::vector<amqp::Message> one(1);
    one[0].exchange = name_;
    one[0].routing_key = exchange_type == "topic" ? "a.b" : "";
    one[0].body = "{}";
    const auto published = co_await consumer->publish(channel, std::move(one), 10s);
    EXPECT_TRUE(published.has_value());
    const bool came = co_await eventually([&] { return handler.deaths.size() >= deliveries; });
    EXPECT_TRUE(came);
    co_await consumer->stop(5s);
    const auto left = co_await ready(name_), delayed = co_await ready("delayed_" + name_);
    EXPECT_EQ(left, 0);
    EXPECT_EQ(delayed, 0);
  }
};

// MQ-1, MQ-3
class MqAttemptsTest : public MqTest, public testing::WithParamInterface<std::pair<int, std::string>> {};
INSTANTIATE_TEST_SUITE_P(Attempts, MqAttemptsTest,
                         testing::Values(std::pair(0, "fanout"), std::pair(1, "fanout"), std::pair(3, "fanout"),
                                         std::pair(10, "fanout"), std::pair(15, "fanout"), std::pair(0, "topic"),
                                         std::pair(3, "topic"), std::pair(10, "topic")),
                         [](const auto& name) { return name.param.second + std::to_string(name.param.first); });

TEST_P(MqAttemptsTest, a_handler_that_fails_sees_a_message_once_more_than_it_may_be_retried) {
  drive_as<MqAttemptsTest>([](MqAttemptsTest& test) -> awaitable<void> {
    const auto [attempts, type] = GetParam();
    FailingHandler handler{.attempts_max = attempts, .deaths = {}};
    co_await test.handle(handler, static_cast<std::size_t>(attempts) + 1, type);
    std::vector<std::int64_t> expected;
    for (int i = 0; i <= attempts; ++i) expected.push_back(i);
    EXPECT_EQ(handler.deaths, expected);
  });
}

TEST_F(MqTest, a_handler_that_fails_once_sees_a_message_twice) {  // MQ-2
  drive_as<MqTest>([](MqTest& test) -> awaitable<void> {
    FailingHandler handler{.good_after = 2, .deaths = {}};
    co_await test.handle(handler, 2, "fanout");
    EXPECT_EQ(handler.deaths, (std::vector<std::int64_t>{0, 1}));
  });
}

TEST_F(MqTest, what_is_published_while_nobody_consumes_is_delivered_later) {  // MQ-4
  drive([](RabbitTest& test) -> awaitable<void> {
    auto first = test.queue();
    const auto published = co_await first->publish({run(1), run(2)});
    EXPECT_TRUE(published.has_value());
    co_await first->stop(5s);
    first.reset();
    const auto second = test.queue();
    std::vector<std::string> seen;
    co_await test.receive(*second, seen);
    co_await test.receive(*second, seen);
    EXPECT_EQ(seen, (std::vector<std::string>{"1", "2"}));
    co_await second->stop(5s);
  });
}

// MQ-4. A broker drops what has gone in a circle without having been refused on its way, so an expired wake-up is lost, not late.
TEST_F(MqTest, a_message_that_nobody_takes_in_time_goes_round_and_is_lost) {
  drive([](RabbitTest& test) -> awaitable<void> {
    auto options = test.options();
    options.message_ttl = 20ms;
    options.retry_delay = 500ms;
    const auto queue = test.queue(options);
    const auto published = co_await queue->publish({run(1)});
    EXPECT_TRUE(published.has_value());
    const bool went = co_await test.eventually_ready("delayed_" + test.name_, 1);
    EXPECT_TRUE(went);
    const bool left = co_await test.eventually_ready("delayed_" + test.name_, 0);
    EXPECT_TRUE(left);
    const auto back = co_await test.ready(test.name_);
    EXPECT_EQ(back, 0);
    co_await queue->stop(5s);
  });
}

TEST_F(MqTest, what_reaches_no_queue_is_lost_and_a_mandatory_one_is_an_error) {  // MQ-5
  drive([](RabbitTest& test) -> awaitable<void> {
    const auto client = test.client();
    amqp::ChannelSpec spec;
    spec.declarations = {amqp::DeclareExchange{.name = test.name_, .arguments = {}}};
    spec.confirms = true;
    const auto channel = client->add(std::move(spec), {});
    std::vector<amqp::Message> messages(3);
    for (auto& message : messages) message.exchange = test.name_;
    const auto mandatory = co_await client->publish(channel, messages, 10s);
    EXPECT_EQ(mandatory.error().code, "amqp.returned");
    EXPECT_EQ(mandatory.error().what, "3 of 3 messages reached no queue");
    for (auto& message : messages) message.mandatory = false;
    const auto optional = co_await client->publish(channel, messages, 10s);
    EXPECT_TRUE(optional.has_value());
    co_await client->stop(5s);
  });
}

TEST_F(MqTest, each_exclusive_subscriber_gets_a_copy) {  // MQ-6
  drive([](RabbitTest& test) -> awaitable<void> {
    const auto client = test.client();
    std::vector<int> copies(10);
    std::deque<amqp::Client::ChannelId> channels;
    for (auto& count : copies) {
      amqp::ChannelSpec spec;
      spec.declarations = {
          amqp::DeclareExchange{.name = test.name_, .arguments = {}},
          amqp::DeclareQueue{.name = "", .durable = false, .exclusive = true, .auto_delete = true, .arguments = {}},
          amqp::Bind{"", test.name_, ""}};
      spec.consumer = amqp::Consumer{.queue = "", .exclusive = true, .acknowledges = false};
      spec.prefetch = 10;
      channels.push_back(
          client->add(std::move(spec), {.opened = {}, .delivered = [&count](amqp::Delivery) { ++count; }, .lost = {}}));
    }
    amqp::ChannelSpec publishing;
    publishing.confirms = true;
    channels.push_back(client->add(std::move(publishing), {}));
    for (const auto channel : channels) {
      const auto opened = co_await client->opened(channel, 10s);
      EXPECT_TRUE(opened.has_value());
    }
    std::vector<amqp::Message> one(1);
    one[0].exchange = test.name_;
    const auto published = co_await client->publish(channels.back(), std::move(one), 10s);
    EXPECT_TRUE(published.has_value());
    const bool all = co_await test.eventually([&] { return copies == std::vector<int>(10, 1); });
    EXPECT_TRUE(all);
    co_await client->stop(5s);
  });
}

TEST_F(MqTest, exactly_one_of_the_shared_subscribers_gets_a_message) {  // MQ-6
  drive([](RabbitTest& test) -> awaitable<void> {
    std::vector<std::unique_ptr<RabbitQueue>> queues;
    for (int i = 0; i < 10; ++i) queues.push_back(test.queue());
    std::vector<std::string> seen;
    const auto gate = test.runtime_.gate();
    for (const auto& queue : queues) gate->spawn(receive(*queue, seen));
    for (int i = 1; i <= 5; ++i) {
      const auto published = co_await queues[0]->publish({run(i)});
      EXPECT_TRUE(published.has_value());
    }
    const bool came = co_await test.eventually([&] { return seen.size() >= 5; });
    EXPECT_TRUE(came);
    for (const auto& queue : queues) queue->close();
    co_await gate->empty();
    std::ranges::sort(seen);
    EXPECT_EQ(seen, (std::vector<std::string>{"1", "2", "3", "4", "5", "queue.closed", "queue.closed", "queue.closed",
                                              "queue.closed", "queue.closed"}));
    for (const auto& queue : queues) co_await queue->stop(5s);
  });
}

TEST_F(MqTest, an_exchange_may_be_named_otherwise_than_its_queue) {  // MQ-6
  drive([](RabbitTest& test) -> awaitable<void> {
    auto options = test.options();
    options.exchange = test.name_ + ".other";
    const auto queue = test.queue(options);
    const auto published = co_await queue->publish({run(4)});
    EXPECT_TRUE(published.has_value());
    std::vector<std::string> seen;
    co_await test.receive(*queue, seen);
    EXPECT_EQ(seen, std::vector<std::string>{"4"});
    co_await queue->stop(5s);
    std::vector<amqp::Declaration> own{amqp::DeleteExchange{options.exchange},
                                       amqp::DeleteExchange{"delayed_" + options.exchange}};
    co_await test.once(std::move(own));
  });
}

TEST_F(MqTest, topics_come_and_go_at_run_time) {  // MQ-7
  drive([](RabbitTest& test) -> awaitable<void> {
    const auto client = test.client();
    std::vector<std::string> keys;
    amqp::ChannelSpec spec;
    spec.declarations = {amqp::DeclareExchange{.name = test.name_, .type = "topic", .arguments = {}},
                         amqp::DeclareQueue{.name = test.name_, .arguments = {}}, amqp::Bind{test.name_, test.name_, "run.*"}};
    spec.consumer = amqp::Consumer{.queue = test.name_, .acknowledges = false};
    spec.prefetch = 10;
    const auto consuming = client->add(
        std::move(spec),
        {.opened = {}, .delivered = [&](const amqp::Delivery& delivery) { keys.push_back(delivery.routing_key); }, .lost = {}});
    amqp::ChannelSpec publishing;
    publishing.confirms = true;
    const auto channel = client->add(std::move(publishing), {});
    amqp::Message node, going;
    node.exchange = going.exchange = test.name_;
    node.routing_key = "node.x";
    going.routing_key = "run.x";
    std::vector<amqp::Declaration> bind{amqp::Bind{test.name_, test.name_, "node.*"}},
        unbind{amqp::Unbind{test.name_, test.name_, "run.*"}};
    const auto opened = co_await client->opened(consuming, 10s);
    EXPECT_TRUE(opened.has_value());
    std::vector<amqp::Message> first{going};
    const auto bound = co_await client->publish(channel, first, 10s);
    EXPECT_TRUE(bound.has_value());
    std::vector<amqp::Message> stranger{node};
    const auto nowhere = co_await client->publish(channel, stranger, 10s);
    EXPECT_EQ(nowhere.error().code, "amqp.returned");
    co_await test.once(std::move(bind));
    const auto now_bound = co_await client->publish(channel, stranger, 10s);
    EXPECT_TRUE(now_bound.has_value());
    co_await test.once(std::move(unbind));
    const auto no_more = co_await client->publish(channel, first, 10s);
    EXPECT_EQ(no_more.error().code, "amqp.returned");
    const bool came = co_await test.eventually([&] { return keys.size() >= 2; });
    EXPECT_TRUE(came);
    EXPECT_EQ(keys, (std::vector<std::string>{"run.x", "node.x"}));
    co_await client->stop(5s);
  });
}

TEST_F(MqTest, an_exchange_of_another_type_is_refused) {  // MQ-8
  drive([](RabbitTest& test) -> awaitable<void> {
    std::vector<amqp::Declaration> fanout{amqp::DeclareExchange{.name = test.name_, .arguments = {}}};
    co_await test.once(fanout);
    const auto client = test.client();
    std::vector<amqp::Declaration> topic{amqp::DeclareExchange{.name = test.name_, .type = "topic", .arguments = {}}};
    const auto mixed = co_await client->once(topic, 10s);
    EXPECT_EQ(mixed.error().code, "amqp.refused");
    EXPECT_NE(mixed.error().what.find("PRECONDITION_FAILED"), std::string::npos) << mixed.error().what;
    co_await client->stop(5s);
  });
}

TEST_F(MqTest, to_stop_consuming_keeps_the_queue_however_often_it_is_said) {  // MQ-9
  drive([](RabbitTest& test) -> awaitable<void> {
    const auto queue = test.queue();
    std::vector<std::string> seen;
    const auto gate = test.runtime_.gate();
    gate->spawn(receive(*queue, seen));
    const bool consuming = co_await test.eventually([&] { return queue->is_consuming(); });
    EXPECT_TRUE(consuming);
    for (int i = 0; i < 10; ++i) queue->close();
    co_await gate->empty();
    EXPECT_FALSE(queue->is_consuming());
    const auto published = co_await queue->publish({run(1)});
    EXPECT_TRUE(published.has_value());
    const bool kept = co_await test.eventually_ready(test.name_, 1);
    EXPECT_TRUE(kept);
    for (int i = 0; i < 10; ++i) co_await queue->stop(5s);
    const auto still = co_await test.ready(test.name_);
    EXPECT_EQ(still, 1);
  });
}

}  // namespace
}  // namespace baton::test
