/// A queue of its own on a real RabbitMQ, and what tests do with it.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "queue/rabbitmq/rabbit_queue.hpp"
#include "runtime/asio/asio_runtime.hpp"
#include "support/servers.hpp"

namespace baton::test {

using namespace std::chrono_literals;

inline core::RunKey run(std::int64_t iteration) { return {UserId(1), ProjectId("p"), Iteration(iteration)}; }

class RabbitTest : public testing::Test {
 public:
  void SetUp() override {
    BATON_NEEDS_SERVERS();
    const auto server = rabbit();
    broker_ = {.host = server.host, .port = server.port, .user = server.user, .password = server.password};
    is_up_ = true;
  }
  void TearDown() override {
    if (is_up_) drive([](RabbitTest& test) { return test.clean_up(); });
  }
  template <class Test>
  void drive(Test body) {
    runtime_.run(body(*this));
  }
  // Of a derived fixture.
  template <class Fixture, class Body>
  void drive_as(Body body) {
    runtime_.run(body(static_cast<Fixture&>(*this)));
  }

  [[nodiscard]] amqp::Endpoint broker() const { return broker_; }
  RabbitOptions options() {
    RabbitOptions out;
    out.broker = broker();
    out.queue = name_;
    out.trouble = [this](const Error& error) { troubles_.push_back(error); };
    return out;
  }
  std::unique_ptr<RabbitQueue> queue(RabbitOptions options) {
    return std::make_unique<RabbitQueue>(runtime_, runtime_.io().get_executor(), std::move(options));
  }
  std::unique_ptr<RabbitQueue> queue() { return queue(options()); }
  std::unique_ptr<amqp::Client> client() {
    amqp::ClientOptions options;
    options.broker = broker();
    options.random = [this] { return runtime_.random(); };
    auto out = std::make_unique<amqp::Client>(runtime_.io().get_executor(), std::move(options));
    out->start();
    return out;
  }
  // False: not within 30 s.
  awaitable<bool> eventually(std::function<bool()> fact) {
    const auto until = runtime_.steady() + 30s;
    while (!fact()) {
      if (runtime_.steady() > until) co_return false;
      co_await runtime_.sleep(2ms);
    }
    co_return true;
  }
  // Ready messages of a queue; -1: there is no such queue.
  awaitable<int> ready(std::string queue) {
    const auto asking = client();
    std::vector<amqp::Declaration> look{amqp::DeclareQueue{.name = queue, .passive = true, .arguments = {}}};
    const auto facts = co_await asking->once(std::move(look), 10s);
    co_await asking->stop(5s);
    co_return facts ? static_cast<int>(facts->front().messages) : -1;
  }
  awaitable<bool> eventually_ready(std::string queue, int count) {
    const auto until = runtime_.steady() + 30s;
    for (;;) {
      const auto now = co_await ready(queue);
      if (now == count) co_return true;
      if (runtime_.steady() > until) co_return false;
    }
  }
  awaitable<void> once(std::vector<amqp::Declaration> declarations) {
    const auto doing = client();
    const auto done = co_await doing->once(std::move(declarations), 10s);
    EXPECT_TRUE(done.has_value()) << done.error().what;
    co_await doing->stop(5s);
  }
  awaitable<void> delete_queue(std::string queue) {
    std::vector<amqp::Declaration> one{amqp::DeleteQueue{queue}};
    co_await once(std::move(one));
  }
  [[nodiscard]] bool was_told(std::string_view code) const {
    for (const auto& each : troubles_) {
      if (each.code == code) return true;
    }
    return false;
  }
  // What receive() gives, as text: the iteration, or the error's code. Acknowledged.
  static awaitable<void> receive(Queue& from, std::vector<std::string>& into) {
    const auto delivery = co_await from.receive();
    if (delivery) co_await from.ack(*delivery);
    into.push_back(delivery ? std::to_string(delivery->run.iteration.value()) : delivery.error().code);
  }
  virtual awaitable<void> clean_up() {
    std::vector<amqp::Declaration> all{amqp::DeleteQueue{name_}, amqp::DeleteQueue{"delayed_" + name_},
                                       amqp::DeleteQueue{name_ + ".poison"}, amqp::DeleteExchange{name_},
                                       amqp::DeleteExchange{"delayed_" + name_}};
    co_await once(std::move(all));
  }

  AsioRuntime runtime_;
  std::string name_ = "baton.test." + runtime_.uuid();
  std::vector<Error> troubles_;
  amqp::Endpoint broker_;
  bool is_up_ = false;
};

}  // namespace baton::test
