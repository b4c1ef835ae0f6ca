#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "queue/memory/memory_queue.hpp"
#include "queue/rabbitmq/rabbit_queue.hpp"
#include "runtime/asio/asio_runtime.hpp"
#include "runtime/simulated/simulated_runtime.hpp"
#include "support/servers.hpp"

namespace baton::test {
namespace {

using namespace std::chrono_literals;
using core::RunKey;

RunKey run(std::int64_t iteration) { return {UserId(1), ProjectId("p"), Iteration(iteration)}; }

// A clock, a way to run coroutines to their end, and consumers of one broker.
class Adapter {
 public:
  virtual ~Adapter() = default;
  virtual Runtime& runtime() = 0;
  virtual std::unique_ptr<Queue> consumer() = 0;
  virtual void drive(awaitable<void> body) = 0;
  // Returns when the broker knows that the consumer is gone.
  virtual awaitable<void> drop(std::unique_ptr<Queue>& queue) {
    queue.reset();
    co_return;
  }
  virtual void lose_channel(Queue& queue) { dynamic_cast<MemoryQueue&>(queue).lose_channel(); }
  // Whether a message that is given back goes behind those that wait; else to its own place before them, if it comes in time.
  [[nodiscard]] virtual bool goes_behind() const { return true; }
};

class OnAsio final : public Adapter {
 public:
  Runtime& runtime() override { return runtime_; }
  std::unique_ptr<Queue> consumer() override { return std::make_unique<MemoryQueue>(broker_, runtime_); }
  void drive(awaitable<void> body) override { runtime_.run(std::move(body)); }

 private:
  AsioRuntime runtime_;
  MemoryBroker broker_{[this] { return runtime_.steady(); }, 20};
};

class OnSimulated final : public Adapter {
 public:
  ~OnSimulated() override { world_.end(); }
  Runtime& runtime() override { return runtime_; }
  std::unique_ptr<Queue> consumer() override { return std::make_unique<MemoryQueue>(broker_, runtime_); }
  void drive(awaitable<void> body) override {
    bool left = false;
    world_.spawn(who_, std::move(body), [&left] { left = true; });
    ASSERT_TRUE(world_.run_until([&left] { return left; }, 1h));
  }

 private:
  World world_{1};
  World::Who who_ = world_.start();
  SimulatedRuntime runtime_{world_, who_};
  MemoryBroker broker_{[this] { return runtime_.steady(); }, 20};
};

// On a real server: a queue of its own for each test.
class OnRabbit final : public Adapter {
 public:
  ~OnRabbit() override { runtime_.run(clean_up(*this)); }
  Runtime& runtime() override { return runtime_; }
  std::unique_ptr<Queue> consumer() override {
    return std::make_unique<RabbitQueue>(runtime_, runtime_.io().get_executor(), options_);
  }
  void drive(awaitable<void> body) override { runtime_.run(std::move(body)); }
  awaitable<void> drop(std::unique_ptr<Queue>& queue) override {
    co_await dynamic_cast<RabbitQueue&>(*queue).stop(5s);
    queue.reset();
  }
  void lose_channel(Queue& queue) override { dynamic_cast<RabbitQueue&>(queue).lose_channel(); }
  [[nodiscard]] bool goes_behind() const override { return false; }

 private:
  static RabbitOptions options(const std::string& name) {
    RabbitOptions out;
    const auto server = rabbit();
    out.broker = {.host = server.host, .port = server.port, .user = server.user, .password = server.password};
    out.queue = name;
    return out;
  }
  static awaitable<void> clean_up(OnRabbit& me) {
    amqp::ClientOptions options;
    options.broker = me.options_.broker;
    options.random = [&me] { return me.runtime_.random(); };
    amqp::Client client(me.runtime_.io().get_executor(), options);
    client.start();
    const auto name = me.options_.queue;
    std::vector<amqp::Declaration> all{amqp::DeleteQueue{name}, amqp::DeleteQueue{"delayed_" + name},
                                       amqp::DeleteQueue{name + ".poison"}, amqp::DeleteExchange{name},
                                       amqp::DeleteExchange{"delayed_" + name}};
    const auto deleted = co_await client.once(std::move(all), 10s);
    EXPECT_TRUE(deleted.has_value());
    co_await client.stop(5s);
  }

  AsioRuntime runtime_;
  RabbitOptions options_ = options("baton.test.contract." + runtime_.uuid());
};

class QueueContract : public testing::TestWithParam<std::string> {
 public:
  void SetUp() override {
    if (GetParam() == "memory_on_asio") {
      adapter_ = std::make_unique<OnAsio>();
    } else if (GetParam() == "memory_on_simulated") {
      adapter_ = std::make_unique<OnSimulated>();
    } else {
      BATON_NEEDS_SERVERS();
      adapter_ = std::make_unique<OnRabbit>();
    }
    first_ = adapter_->consumer();
    second_ = adapter_->consumer();
  }
  template <class Body>
  void drive(Body body) {
    adapter_->drive(body(*this));
  }
  // What receive() gives, as text: the iteration, or the error's code.
  static awaitable<void> receive(Queue& from, std::vector<std::string>& into) {
    const auto delivery = co_await from.receive();
    into.push_back(delivery ? std::to_string(delivery->run.iteration.value()) : delivery.error().code);
  }

  std::unique_ptr<Adapter> adapter_;
  std::unique_ptr<Queue> first_, second_;
};

INSTANTIATE_TEST_SUITE_P(Adapters, QueueContract, testing::Values("memory_on_asio", "memory_on_simulated", "rabbitmq"),
                         [](const auto& name) { return name.param; });

// What those promise that have a bound of their own; RabbitMQ's is its memory and disk.
class BoundedQueueContract : public QueueContract {};
INSTANTIATE_TEST_SUITE_P(Adapters, BoundedQueueContract, testing::Values("memory_on_asio", "memory_on_simulated"),
                         [](const auto& name) { return name.param; });

TEST_P(QueueContract, what_is_published_is_received_in_order_by_whoever_asks) {
  drive([](QueueContract& test) -> awaitable<void> {
    const auto published = co_await test.first_->publish({run(1), run(2), run(3)});
    EXPECT_TRUE(published.has_value());
    std::vector<std::string> seen;
    co_await receive(*test.second_, seen);
    co_await receive(*test.first_, seen);
    co_await receive(*test.second_, seen);
    EXPECT_EQ(seen, (std::vector<std::string>{"1", "2", "3"}));
  });
}

TEST_P(QueueContract, a_receiver_waits_for_a_message) {
  drive([](QueueContract& test) -> awaitable<void> {
    std::vector<std::string> seen;
    const auto gate = test.adapter_->runtime().gate();
    gate->spawn(receive(*test.first_, seen));
    co_await test.adapter_->runtime().sleep(2ms);
    EXPECT_TRUE(seen.empty());
    co_await test.second_->publish({run(7)});
    co_await gate->empty();
    EXPECT_EQ(seen, std::vector<std::string>{"7"});
  });
}

TEST_P(QueueContract, one_message_wakes_one_receiver) {
  drive([](QueueContract& test) -> awaitable<void> {
    std::vector<std::string> seen;
    const auto gate = test.adapter_->runtime().gate();
    for (int i = 0; i < 3; ++i) gate->spawn(receive(*test.first_, seen));
    co_await test.adapter_->runtime().sleep(2ms);
    co_await test.second_->publish({run(7)});
    for (int i = 0; i < 5000 && seen.empty(); ++i) co_await test.adapter_->runtime().sleep(1ms);
    co_await test.adapter_->runtime().sleep(2ms);
    EXPECT_EQ(seen, std::vector<std::string>{"7"});
    co_await test.second_->publish({run(8), run(9)});
    co_await gate->empty();
    EXPECT_EQ(seen.size(), 3u);
  });
}

TEST_P(QueueContract, what_is_acknowledged_is_gone) {
  drive([](QueueContract& test) -> awaitable<void> {
    co_await test.first_->publish({run(1)});
    const auto delivery = co_await test.first_->receive();
    co_await test.first_->ack(*delivery);
    co_await test.adapter_->drop(test.first_);
    co_await test.second_->publish({run(2)});
    std::vector<std::string> seen;
    co_await receive(*test.second_, seen);
    EXPECT_EQ(seen, std::vector<std::string>{"2"});
  });
}

TEST_P(QueueContract, what_a_consumer_leaves_unsettled_is_delivered_to_another_first) {
  drive([](QueueContract& test) -> awaitable<void> {
    co_await test.second_->publish({run(1), run(2), run(3)});
    std::vector<std::string> seen;
    co_await receive(*test.first_, seen);
    co_await receive(*test.first_, seen);
    co_await test.adapter_->drop(test.first_);
    co_await receive(*test.second_, seen);
    co_await receive(*test.second_, seen);
    co_await receive(*test.second_, seen);
    EXPECT_EQ(seen, (std::vector<std::string>{"1", "2", "1", "2", "3"}));
  });
}

TEST_P(QueueContract, what_a_consumer_leaves_unsettled_wakes_a_receiver) {
  drive([](QueueContract& test) -> awaitable<void> {
    co_await test.second_->publish({run(1)});
    std::vector<std::string> seen;
    co_await receive(*test.first_, seen);
    const auto gate = test.adapter_->runtime().gate();
    gate->spawn(receive(*test.second_, seen));
    co_await test.adapter_->runtime().sleep(2ms);
    co_await test.adapter_->drop(test.first_);
    co_await gate->empty();
    EXPECT_EQ(seen, (std::vector<std::string>{"1", "1"}));
  });
}

TEST_P(QueueContract, a_requeued_message_comes_again_behind_the_others_or_in_its_place) {
  drive([](QueueContract& test) -> awaitable<void> {
    co_await test.first_->publish({run(1), run(2)});
    const auto delivery = co_await test.first_->receive();
    co_await test.first_->requeue(*delivery, 0s);
    std::vector<std::string> seen;
    co_await receive(*test.second_, seen);
    co_await receive(*test.second_, seen);
    if (!test.adapter_->goes_behind()) std::ranges::sort(seen, std::greater());
    EXPECT_EQ(seen, (std::vector<std::string>{"2", "1"}));
  });
}

TEST_P(QueueContract, a_requeued_message_does_not_come_before_its_time) {
  drive([](QueueContract& test) -> awaitable<void> {
    auto& runtime = test.adapter_->runtime();
    std::vector<std::string> seen;
    const auto gate = runtime.gate();
    co_await test.first_->publish({run(1), run(2)});
    const auto one = co_await test.first_->receive();
    const auto two = co_await test.first_->receive();
    for (int i = 0; i < 2; ++i) gate->spawn(receive(*test.second_, seen));  // they wait already
    co_await runtime.sleep(1ms);
    const auto before = runtime.steady();
    co_await test.first_->requeue(*one, 40ms);
    co_await test.first_->requeue(*two, 20ms);
    co_await gate->empty();
    EXPECT_GE(runtime.steady() - before, 40ms);
    EXPECT_EQ(seen, (std::vector<std::string>{"2", "1"}));
  });
}

TEST_P(QueueContract, a_delayed_message_outlives_the_consumer_that_gave_it_back) {
  drive([](QueueContract& test) -> awaitable<void> {
    co_await test.first_->publish({run(1)});
    const auto delivery = co_await test.first_->receive();
    co_await test.first_->requeue(*delivery, 5ms);
    test.first_.reset();
    std::vector<std::string> seen;
    co_await receive(*test.second_, seen);
    EXPECT_EQ(seen, std::vector<std::string>{"1"});
  });
}

TEST_P(QueueContract, close_ends_those_who_wait_and_those_who_come_after) {
  drive([](QueueContract& test) -> awaitable<void> {
    std::vector<std::string> seen;
    const auto gate = test.adapter_->runtime().gate();
    for (int i = 0; i < 2; ++i) gate->spawn(receive(*test.first_, seen));
    co_await test.adapter_->runtime().sleep(2ms);
    test.first_->close();
    co_await gate->empty();
    co_await test.second_->publish({run(1)});
    co_await receive(*test.first_, seen);
    EXPECT_EQ(seen, (std::vector<std::string>{"queue.closed", "queue.closed", "queue.closed"}));
    co_await receive(*test.second_, seen);
    EXPECT_EQ(seen.back(), "1");
  });
}

TEST_P(QueueContract, what_was_delivered_before_close_can_still_be_settled) {
  drive([](QueueContract& test) -> awaitable<void> {
    co_await test.first_->publish({run(1), run(2)});
    const auto one = co_await test.first_->receive();
    const auto two = co_await test.first_->receive();
    test.first_->close();
    co_await test.first_->ack(*one);
    co_await test.first_->requeue(*two, 0s);
    std::vector<std::string> seen;
    co_await receive(*test.second_, seen);
    EXPECT_EQ(seen, std::vector<std::string>{"2"});
  });
}

TEST_P(QueueContract, a_delivery_whose_channel_has_gone_is_settled_silently) {
  drive([](QueueContract& test) -> awaitable<void> {
    co_await test.second_->publish({run(1), run(2)});
    const auto one = co_await test.first_->receive();
    const auto two = co_await test.first_->receive();
    test.adapter_->lose_channel(*test.first_);
    co_await test.first_->ack(*one);
    co_await test.first_->requeue(*two, 0s);
    std::vector<std::string> seen;
    co_await receive(*test.first_, seen);
    co_await receive(*test.second_, seen);
    EXPECT_EQ(seen, (std::vector<std::string>{"1", "2"}));
    co_await test.second_->publish({run(3)});
    co_await receive(*test.second_, seen);
    EXPECT_EQ(seen.back(), "3");  // and none of the two is there twice
  });
}

TEST_P(BoundedQueueContract, a_full_queue_says_so_and_takes_nothing) {
  drive([](QueueContract& test) -> awaitable<void> {
    const std::vector<RunKey> most(19, run(1));
    const auto taken = co_await test.first_->publish(most);
    EXPECT_TRUE(taken.has_value());
    const std::vector<RunKey> two(2, run(2));
    const auto refused = co_await test.first_->publish(two);
    EXPECT_EQ(refused.error().code, "queue.full");
    const auto delivery = co_await test.first_->receive();  // unsettled ones count
    const auto still = co_await test.first_->publish(two);
    EXPECT_EQ(still.error().code, "queue.full");
    co_await test.first_->ack(*delivery);
    const auto now = co_await test.first_->publish(two);
    EXPECT_TRUE(now.has_value());
  });
}

TEST(MemoryBroker, knows_what_it_holds_and_can_lose_or_double_it) {
  AsioRuntime runtime;
  MemoryBroker broker([&runtime] { return runtime.steady(); });
  MemoryQueue queue(broker, runtime);
  struct Body {
    static awaitable<void> run_it(MemoryBroker& broker, MemoryQueue& queue) {
      co_await queue.publish({run(1), run(2), run(3)});
      const auto one = co_await queue.receive();
      const auto two = co_await queue.receive();
      co_await queue.requeue(*two, 1h);
      EXPECT_EQ(broker.size(), 3u);
      EXPECT_TRUE(broker.holds(run(1)) && broker.holds(run(2)) && broker.holds(run(3)));
      EXPECT_EQ(broker.waiting(), std::vector{run(3)});
      broker.twice(0);
      EXPECT_EQ(broker.waiting(), (std::vector{run(3), run(3)}));
      broker.lose(0);
      broker.lose(0);
      EXPECT_FALSE(broker.holds(run(3)));
      co_await queue.ack(*one);
      EXPECT_FALSE(broker.holds(run(1)));
      EXPECT_EQ(broker.size(), 1u);
    }
  };
  runtime.run(Body::run_it(broker, queue));
}

}  // namespace
}  // namespace baton::test
