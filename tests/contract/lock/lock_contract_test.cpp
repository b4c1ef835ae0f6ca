#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "lock/memory/memory_lock.hpp"
#include "lock/redis/redis_lock.hpp"
#include "runtime/asio/asio_runtime.hpp"
#include "runtime/simulated/simulated_runtime.hpp"

namespace baton::test {
namespace {

using namespace std::chrono_literals;

// A clock, a way to run coroutines to their end, and two replicas that share the locks.
class Adapter {
 public:
  virtual ~Adapter() = default;
  virtual Runtime& runtime() = 0;
  virtual std::unique_ptr<Lock> replica() = 0;
  virtual void drive(awaitable<void> body) = 0;
};

class OnAsio final : public Adapter {
 public:
  Runtime& runtime() override { return runtime_; }
  std::unique_ptr<Lock> replica() override { return std::make_unique<MemoryLock>(locks_, runtime_); }
  void drive(awaitable<void> body) override { runtime_.run(std::move(body)); }

 private:
  AsioRuntime runtime_;
  MemoryLocks locks_{[this] { return runtime_.steady(); }};
};

class OnSimulated final : public Adapter {
 public:
  ~OnSimulated() override { world_.end(); }
  Runtime& runtime() override { return runtime_; }
  std::unique_ptr<Lock> replica() override { return std::make_unique<MemoryLock>(locks_, runtime_); }
  void drive(awaitable<void> body) override {
    bool left = false;
    world_.spawn(who_, std::move(body), [&left] { left = true; });
    ASSERT_TRUE(world_.run_until([&left] { return left; }, 1h));
  }

 private:
  World world_{1};
  World::Who who_ = world_.start();
  SimulatedRuntime runtime_{world_, who_};
  MemoryLocks locks_{[this] { return runtime_.steady(); }};
};

// The server that REDIS_HOST and REDIS_PORT name, shared with whoever else uses it now.
class OnRedis final : public Adapter {
 public:
  Runtime& runtime() override { return runtime_; }
  std::unique_ptr<Lock> replica() override {
    RedisLockOptions options{.server = {.db = 1}, .replica = "replica-" + std::to_string(++replicas_)};
    options.server.host = std::getenv("REDIS_HOST");
    options.server.port = static_cast<std::uint16_t>(std::atoi(std::getenv("REDIS_PORT")));
    return std::make_unique<RedisLock>(runtime_, runtime_.io().get_executor(), std::move(options));
  }
  void drive(awaitable<void> body) override { runtime_.run(std::move(body)); }

 private:
  AsioRuntime runtime_;
  int replicas_ = 0;
};

class LockContract : public testing::TestWithParam<std::string> {
 public:
  void SetUp() override {
    if (GetParam() == "redis" && (std::getenv("REDIS_HOST") == nullptr || std::getenv("REDIS_PORT") == nullptr)) {
      const char* without = std::getenv("BATON_NO_SERVERS");
      if (without != nullptr && std::string(without) == "1") GTEST_SKIP() << "BATON_NO_SERVERS=1";
      FAIL() << "REDIS_HOST and REDIS_PORT name no server: scripts/services start, and its env; or BATON_NO_SERVERS=1";
    }
    if (GetParam() == "memory_on_asio") {
      adapter_ = std::make_unique<OnAsio>();
    } else if (GetParam() == "redis") {
      adapter_ = std::make_unique<OnRedis>();
    } else {
      adapter_ = std::make_unique<OnSimulated>();
    }
    first_ = adapter_->replica();
    second_ = adapter_->replica();
    const auto own = "baton-test-" + adapter_->runtime().uuid();  // names that no test has had, on a server that keeps them
    x_ = own + "-x";
    y_ = own + "-y";
  }
  template <class Body>
  void drive(Body body) {
    adapter_->drive(body(*this));
  }
  static awaitable<void> wait_for(Lock& lock, Runtime& runtime, std::string name, core::Duration at_most,
                                  core::Duration& waited) {
    const auto before = runtime.steady();
    co_await lock.until_free(name, at_most);
    waited = runtime.steady() - before;
  }

  std::unique_ptr<Adapter> adapter_;
  std::unique_ptr<Lock> first_, second_;
  std::string x_, y_;
};

INSTANTIATE_TEST_SUITE_P(Adapters, LockContract, testing::Values("memory_on_asio", "memory_on_simulated", "redis"),
                         [](const auto& name) { return name.param; });

TEST_P(LockContract, a_name_is_held_by_one_at_a_time) {
  drive([](LockContract& test) -> awaitable<void> {
    const auto lease = co_await test.first_->acquire(test.x_, 1h);
    const auto refused = co_await test.second_->acquire(test.x_, 1h);
    const auto again = co_await test.first_->acquire(test.x_, 1h);
    const auto other = co_await test.second_->acquire(test.y_, 1h);
    EXPECT_TRUE(lease.has_value());
    EXPECT_EQ(lease->name, test.x_);
    EXPECT_EQ(refused.error().code, "lock.held");
    EXPECT_EQ(again.error().code, "lock.held");
    EXPECT_TRUE(other.has_value());
  });
}

// So are the locks taken over of a replica that is gone.
TEST_P(LockContract, who_is_refused_learns_the_token_that_frees_the_name) {
  drive([](LockContract& test) -> awaitable<void> {
    const auto lease = co_await test.first_->acquire(test.x_, 1h);
    const auto refused = co_await test.second_->acquire(test.x_, 1h);
    EXPECT_EQ(refused.error().code, "lock.held");
    EXPECT_EQ(refused.error().where, lease->token);
    co_await test.second_->release({test.x_, refused.error().where, {}});
    const auto next = co_await test.second_->acquire(test.x_, 1h);
    EXPECT_TRUE(next.has_value());
    const auto lost = co_await test.first_->renew(*lease, 1h);
    EXPECT_EQ(lost.error().code, "lock.lost");
    co_await test.second_->release({test.x_, refused.error().where, {}});  // once more, late: the next holder is not disturbed
    const auto held = co_await test.first_->acquire(test.x_, 1h);
    EXPECT_EQ(held.error().where, next->token);
  });
}

TEST_P(LockContract, W05_each_acquisition_has_a_token_of_its_own) {
  drive([](LockContract& test) -> awaitable<void> {
    const auto one = co_await test.first_->acquire(test.x_, 1h);
    co_await test.first_->release(*one);
    const auto two = co_await test.first_->acquire(test.x_, 1h);
    EXPECT_NE(one->token, two->token);
  });
}

TEST_P(LockContract, a_lease_may_be_trusted_from_the_question_on) {
  drive([](LockContract& test) -> awaitable<void> {
    const auto before = test.adapter_->runtime().steady();
    const auto lease = co_await test.first_->acquire(test.x_, 1h);
    const auto after = test.adapter_->runtime().steady();
    EXPECT_GE(lease->until, before + 1h);
    EXPECT_LE(lease->until, after + 1h);
  });
}

TEST_P(LockContract, what_is_released_is_free) {
  drive([](LockContract& test) -> awaitable<void> {
    const auto lease = co_await test.first_->acquire(test.x_, 1h);
    co_await test.first_->release(*lease);
    const auto next = co_await test.second_->acquire(test.x_, 1h);
    EXPECT_TRUE(next.has_value());
  });
}

TEST_P(LockContract, a_lease_ends_with_its_life_and_the_next_holder_is_not_disturbed) {
  drive([](LockContract& test) -> awaitable<void> {
    const auto old = co_await test.first_->acquire(test.x_, 5ms);
    co_await test.adapter_->runtime().sleep(6ms);
    const auto lost = co_await test.first_->renew(*old, 1h);
    EXPECT_EQ(lost.error().code, "lock.lost");
    const auto next = co_await test.second_->acquire(test.x_, 1h);
    EXPECT_TRUE(next.has_value());
    const auto others = co_await test.first_->renew(*old, 1h);
    EXPECT_EQ(others.error().code, "lock.lost");
    co_await test.first_->release(*old);  // not its own any more: nothing
    const auto refused = co_await test.first_->acquire(test.x_, 1h);
    EXPECT_EQ(refused.error().code, "lock.held");
  });
}

TEST_P(LockContract, a_lease_that_is_renewed_lives_on) {
  drive([](LockContract& test) -> awaitable<void> {
    const auto lease = co_await test.first_->acquire(test.x_, 1min);
    const auto renewed = co_await test.first_->renew(*lease, 1h);
    EXPECT_TRUE(renewed.has_value());
    EXPECT_EQ(renewed->token, lease->token);
    EXPECT_GE(renewed->until, lease->until + 58min);
    co_await test.first_->release(*renewed);
    const auto next = co_await test.second_->acquire(test.x_, 1h);
    EXPECT_TRUE(next.has_value());
  });
}

TEST_P(LockContract, who_waits_for_a_free_name_does_not_wait) {
  drive([](LockContract& test) -> awaitable<void> {
    core::Duration waited{};
    co_await wait_for(*test.first_, test.adapter_->runtime(), test.x_, 1h, waited);
    EXPECT_LT(waited, 1min);
  });
}

TEST_P(LockContract, who_waits_hears_of_the_release) {
  drive([](LockContract& test) -> awaitable<void> {
    auto& runtime = test.adapter_->runtime();
    const auto lease = co_await test.first_->acquire(test.x_, 1h);
    core::Duration one{}, two{};
    const auto gate = runtime.gate();
    gate->spawn(wait_for(*test.first_, runtime, test.x_, 1h, one));
    gate->spawn(wait_for(*test.second_, runtime, test.x_, 1h, two));
    co_await runtime.sleep(3ms);
    EXPECT_EQ(one, 0ms);
    co_await test.first_->release(*lease);
    co_await gate->empty();
    EXPECT_LT(one, 1min);
    EXPECT_LT(two, 1min);
  });
}

TEST_P(LockContract, who_waits_does_so_no_longer_than_the_holder_lives) {
  drive([](LockContract& test) -> awaitable<void> {
    const auto lease = co_await test.first_->acquire(test.x_, 10ms);
    EXPECT_TRUE(lease.has_value());
    core::Duration waited{};
    co_await wait_for(*test.second_, test.adapter_->runtime(), test.x_, 1h, waited);
    EXPECT_GE(waited, 5ms);
    EXPECT_LT(waited, 1min);
    const auto next = co_await test.second_->acquire(test.x_, 1h);
    EXPECT_TRUE(next.has_value());
  });
}

TEST_P(LockContract, who_waits_does_so_no_longer_than_asked) {
  drive([](LockContract& test) -> awaitable<void> {
    const auto lease = co_await test.first_->acquire(test.x_, 1h);
    EXPECT_TRUE(lease.has_value());
    core::Duration waited{};
    co_await wait_for(*test.second_, test.adapter_->runtime(), test.x_, 10ms, waited);
    EXPECT_GE(waited, 10ms);
    EXPECT_LT(waited, 1min);
  });
}

TEST(MemoryLocks, know_what_is_held_and_can_end_a_lease_before_its_time) {
  AsioRuntime runtime;
  MemoryLocks locks([&runtime] { return runtime.steady(); });
  MemoryLock lock(locks, runtime);
  struct Body {
    static awaitable<void> run_it(MemoryLocks& locks, MemoryLock& lock) {
      const auto lease = co_await lock.acquire("x", 1h);
      EXPECT_TRUE(locks.is_held("x"));
      EXPECT_EQ(locks.held(), 1u);
      locks.expire("x");
      EXPECT_FALSE(locks.is_held("x"));
      const auto lost = co_await lock.renew(*lease, 1h);
      EXPECT_EQ(lost.error().code, "lock.lost");
    }
  };
  runtime.run(Body::run_it(locks, lock));
}

// Who is told of a holder asks the store whether that replica is gone (free_if_gone): nobody's name must not look like one.
TEST(MemoryLocks, name_a_replica_only_where_there_is_one_to_name) {
  AsioRuntime runtime;
  MemoryLocks locks([&runtime] { return runtime.steady(); });
  MemoryLock nobodys(locks, runtime), ours(locks, runtime, "replica-1");
  struct Body {
    static awaitable<void> run_it(MemoryLock& nobodys, MemoryLock& ours) {
      const auto x = co_await nobodys.acquire("x", 1h);
      const auto y = co_await ours.acquire("y", 1h);
      const auto held = co_await nobodys.acquire("x", 1h);
      EXPECT_EQ(held.error().where.find(':'), std::string::npos) << held.error().where;
      EXPECT_TRUE(y->token.starts_with("replica-1:")) << y->token;
    }
  };
  runtime.run(Body::run_it(nobodys, ours));
}

}  // namespace
}  // namespace baton::test
