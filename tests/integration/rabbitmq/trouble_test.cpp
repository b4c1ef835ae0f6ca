/// What a RabbitQueue does when what it has declared is not, or not any more, as it should be.
#include "fixture.hpp"

namespace baton::test {
namespace {

using Seen = std::vector<std::string>;

class RabbitTroubleTest : public RabbitTest {};

TEST_F(RabbitTroubleTest, a_queue_deleted_under_its_consumer_is_made_anew) {
  drive([](RabbitTest& test) -> awaitable<void> {
    const auto queue = test.queue();
    Seen seen;
    const auto gate = test.runtime_.gate();
    gate->spawn(receive(*queue, seen));
    const bool consuming = co_await test.eventually([&] { return queue->is_consuming(); });
    EXPECT_TRUE(consuming);
    co_await test.delete_queue(test.name_);
    const bool told = co_await test.eventually([&] { return test.was_told("queue.unavailable"); });
    EXPECT_TRUE(told);
    const bool again = co_await test.eventually([&] { return queue->is_consuming(); });
    EXPECT_TRUE(again);
    const auto published = co_await queue->publish({run(3)});
    EXPECT_TRUE(published.has_value());
    co_await gate->empty();
    EXPECT_EQ(seen, Seen{"3"});
    EXPECT_EQ(queue->reconnects(), 0u) << "the channel alone was opened again";
    co_await queue->stop(5s);
  });
}

TEST_F(RabbitTroubleTest, a_message_that_reaches_no_queue_is_an_error_and_the_next_one_arrives) {
  drive([](RabbitTest& test) -> awaitable<void> {
    const auto queue = test.queue();
    const auto first = co_await queue->publish({run(1)});
    EXPECT_TRUE(first.has_value());
    co_await test.delete_queue(test.name_);
    const auto lost = co_await queue->publish({run(2)});
    EXPECT_EQ(lost.error().code, "queue.unavailable");
    const auto next = co_await queue->publish({run(3)});
    EXPECT_TRUE(next.has_value());
    Seen seen;
    co_await receive(*queue, seen);
    EXPECT_EQ(seen, Seen{"3"});
    co_await queue->stop(5s);
  });
}

TEST_F(RabbitTroubleTest, a_queue_with_other_arguments_is_told_and_tried_again) {
  drive([](RabbitTest& test) -> awaitable<void> {
    std::vector<amqp::Declaration> other{
        amqp::DeclareQueue{.name = test.name_, .arguments = {{"x-message-ttl", std::int64_t{60'000}}}}};
    co_await test.once(std::move(other));
    auto options = test.options();
    options.publish_limit = 500ms;
    const auto queue = test.queue(options);
    const bool told = co_await test.eventually([&] { return test.was_told("queue.refused"); });
    EXPECT_TRUE(told);
    EXPECT_NE(test.troubles_.back().what.find("PRECONDITION_FAILED"), std::string::npos) << test.troubles_.back().what;
    EXPECT_FALSE(queue->is_consuming());
    const auto published = co_await queue->publish({run(1)});
    EXPECT_EQ(published.error().code, "queue.unavailable");
    EXPECT_NE(published.error().what.find("PRECONDITION_FAILED"), std::string::npos) << published.error().what;

    co_await test.delete_queue(test.name_);
    const bool healed = co_await test.eventually([&] { return queue->is_consuming(); });
    EXPECT_TRUE(healed);
    Seen seen;
    const auto gate = test.runtime_.gate();
    gate->spawn(receive(*queue, seen));
    bool taken = false;
    for (int i = 0; i < 60 && !taken; ++i) {  // the publisher's channel has its own pause
      const auto again = co_await queue->publish({run(2)});
      taken = again.has_value();
    }
    EXPECT_TRUE(taken);
    co_await gate->empty();
    EXPECT_EQ(seen, Seen{"2"});
    co_await queue->stop(5s);
  });
}

TEST_F(RabbitTroubleTest, a_login_that_the_broker_refuses_is_told) {
  drive([](RabbitTest& test) -> awaitable<void> {
    auto options = test.options();
    options.broker.password = "not the one";
    const auto queue = test.queue(options);
    const bool told = co_await test.eventually([&] { return test.was_told("queue.refused"); });
    EXPECT_TRUE(told);
    EXPECT_NE(test.troubles_.back().what.find("ACCESS_REFUSED"), std::string::npos) << test.troubles_.back().what;
    const bool shown = co_await test.eventually([&] { return queue->state().find("ACCESS_REFUSED") != std::string::npos; });
    EXPECT_TRUE(shown) << queue->state();
    co_await queue->stop(5s);
  });
}

TEST_F(RabbitTroubleTest, a_broker_that_is_not_there_is_told_and_publishing_ends_in_time) {
  drive([](RabbitTest& test) -> awaitable<void> {
    auto options = test.options();
    options.broker.port = 1;
    options.publish_limit = 300ms;
    const auto queue = test.queue(options);
    const auto published = co_await queue->publish({run(1)});
    EXPECT_EQ(published.error().code, "queue.unavailable");
    EXPECT_TRUE(test.was_told("queue.unavailable"));
    co_await queue->stop(5s);
  });
}

TEST_F(RabbitTroubleTest, what_nobody_can_read_is_put_aside_and_does_not_hold_up_the_others) {
  drive([](RabbitTest& test) -> awaitable<void> {
    const auto queue = test.queue();
    const auto first = co_await queue->publish({run(1)});
    EXPECT_TRUE(first.has_value());
    const auto client = test.client();
    amqp::ChannelSpec publishing;
    publishing.confirms = true;
    const auto channel = client->add(std::move(publishing), {});
    std::vector<amqp::Message> strange(20);
    for (auto& message : strange) {
      message.exchange = test.name_;
      message.body = "\x80\x03}q";
      message.content_type = "application/python-pickle";
    }
    const auto sent = co_await client->publish(channel, strange, 10s);
    EXPECT_TRUE(sent.has_value());
    const auto second = co_await queue->publish({run(2)});
    EXPECT_TRUE(second.has_value());

    Seen seen;
    co_await receive(*queue, seen);
    co_await receive(*queue, seen);
    EXPECT_EQ(seen, (Seen{"1", "2"}));
    const bool aside = co_await test.eventually_ready(test.name_ + ".poison", 20);
    EXPECT_TRUE(aside);
    EXPECT_TRUE(test.was_told("queue.bad_message"));
    co_await client->stop(5s);
    co_await queue->stop(5s);
    const auto left = co_await test.ready(test.name_);
    EXPECT_EQ(left, 0);
  });
}

TEST_F(RabbitTroubleTest, no_more_is_kept_for_later_than_its_bound) {
  drive([](RabbitTest& test) -> awaitable<void> {
    auto options = test.options();
    options.delayed_max = 1;
    const auto queue = test.queue(options);
    const auto published = co_await queue->publish({run(1), run(2)});
    EXPECT_TRUE(published.has_value());
    const auto one = co_await queue->receive();
    const auto two = co_await queue->receive();
    co_await queue->requeue(*one, 1h);
    EXPECT_EQ(queue->held(), 2u);
    co_await queue->requeue(*two, 2h);
    EXPECT_EQ(queue->held(), 1u);
    Seen seen;
    co_await receive(*queue, seen);
    EXPECT_EQ(seen, Seen{"1"});
    co_await queue->stop(5s);
  });
}

TEST_F(RabbitTroubleTest, delayed_messages_take_no_worker_its_place) {
  drive([](RabbitTest& test) -> awaitable<void> {
    const auto queue = test.queue();
    std::vector<core::RunKey> runs;
    for (int i = 1; i <= 30; ++i) runs.push_back(run(i));
    const auto published = co_await queue->publish(runs);
    EXPECT_TRUE(published.has_value());
    for (int i = 0; i < 29; ++i) {
      const auto delivery = co_await queue->receive();
      co_await queue->requeue(*delivery, 1h);
    }
    Seen seen;
    co_await receive(*queue, seen);
    EXPECT_EQ(seen, Seen{"30"});
    co_await queue->stop(5s);
    const bool back = co_await test.eventually_ready(test.name_, 29);
    EXPECT_TRUE(back);
  });
}

TEST_F(RabbitTroubleTest, a_name_that_is_too_long_is_found_before_the_broker_is_asked) {
  RabbitOptions wrong;
  wrong.queue = std::string(250, 'q');
  const auto checked = RabbitQueue::check(wrong);
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().code, "queue.bad_setting");
  EXPECT_TRUE(RabbitQueue::check(options()).has_value());
}

TEST_F(RabbitTroubleTest, many_publishers_at_once_are_confirmed_each) {
  drive([](RabbitTest& test) -> awaitable<void> {
    const auto queue = test.queue();
    int good = 0;
    struct Publishing {
      static awaitable<void> do_it(RabbitQueue& to, int from, int& good) {
        std::vector<core::RunKey> runs;
        for (int i = 0; i < 1500; ++i) runs.push_back(run(from + i));
        const auto published = co_await to.publish(std::move(runs));
        if (published) ++good;
      }
    };
    const auto gate = test.runtime_.gate();
    for (int i = 0; i < 10; ++i) gate->spawn(Publishing::do_it(*queue, 1 + 1500 * i, good));
    co_await gate->empty();
    EXPECT_EQ(good, 10);
    EXPECT_EQ(queue->unconfirmed(), 0u);
    const bool all = co_await test.eventually_ready(test.name_, 15'000);
    EXPECT_TRUE(all);
    co_await queue->stop(5s);
  });
}

}  // namespace
}  // namespace baton::test
