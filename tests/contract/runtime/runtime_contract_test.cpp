#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/asio/asio_runtime.hpp"
#include "runtime/simulated/simulated_runtime.hpp"

namespace baton::test {
namespace {

using namespace std::chrono_literals;

class Adapter {
 public:
  virtual ~Adapter() = default;
  virtual Runtime& runtime() = 0;
  virtual void drive(awaitable<void> body) = 0;
};

class Asio final : public Adapter {
 public:
  explicit Asio(bool store_inline) : runtime_({.store_inline = store_inline}) {}
  Runtime& runtime() override { return runtime_; }
  void drive(awaitable<void> body) override { runtime_.run(std::move(body)); }

 private:
  AsioRuntime runtime_;
};

class Simulated final : public Adapter {
 public:
  ~Simulated() override { world_.end(); }
  Runtime& runtime() override { return runtime_; }
  void drive(awaitable<void> body) override {
    bool left = false;
    world_.spawn(who_, std::move(body), [&left] { left = true; });
    ASSERT_TRUE(world_.run_until([&left] { return left; }, 24h * 365));
  }

 private:
  World world_{1};
  World::Who who_ = world_.start();
  SimulatedRuntime runtime_{world_, who_};
};

class RuntimeContract : public testing::TestWithParam<std::string> {
 public:
  RuntimeContract() {
    if (GetParam() == "simulated") {
      adapter_ = std::make_unique<Simulated>();
    } else {
      adapter_ = std::make_unique<Asio>(GetParam() == "asio_inline");
    }
  }
  Runtime& runtime() { return adapter_->runtime(); }
  template <class Body>
  void drive(Body body) {
    adapter_->drive(body(runtime()));
  }
  static awaitable<void> wait(Event& event, int& woken) {
    co_await event.wait();
    ++woken;
  }

  std::unique_ptr<Adapter> adapter_;
};

INSTANTIATE_TEST_SUITE_P(Adapters, RuntimeContract, testing::Values("asio", "asio_inline", "simulated"),
                         [](const auto& name) { return name.param; });

TEST_P(RuntimeContract, a_sleep_lasts_at_least_as_long_as_asked) {
  drive([](Runtime& runtime) -> awaitable<void> {
    const auto before = runtime.steady();
    co_await runtime.sleep(5ms);
    EXPECT_GE(runtime.steady() - before, 5ms - 1us);  // the last microsecond is cut off
  });
}

TEST_P(RuntimeContract, a_notified_event_wakes_all_that_wait) {
  drive([](Runtime& runtime) -> awaitable<void> {
    const auto event = runtime.event();
    const auto gate = runtime.gate();
    int woken = 0;
    for (int i = 0; i < 3; ++i) gate->spawn(wait(*event, woken));
    co_await runtime.sleep(1ms);
    EXPECT_EQ(woken, 0);
    event->notify();
    co_await gate->empty();
    EXPECT_EQ(woken, 3);
    const bool again = co_await event->wait_for(1ms);
    EXPECT_FALSE(again);
  });
}

TEST_P(RuntimeContract, a_notification_that_nobody_waited_for_is_kept_once) {
  drive([](Runtime& runtime) -> awaitable<void> {
    const auto event = runtime.event();
    event->notify();
    event->notify();
    co_await event->wait();
    const bool again = co_await event->wait_for(1ms);
    EXPECT_FALSE(again);
    event->notify();
    const bool kept = co_await event->wait_for(1h);
    EXPECT_TRUE(kept);
  });
}

TEST_P(RuntimeContract, a_wait_may_be_as_long_as_time_itself) {
  drive([](Runtime& runtime) -> awaitable<void> {
    const auto event = runtime.event();
    const auto gate = runtime.gate();
    int woken = 0;
    gate->spawn(wait(*event, woken));
    struct Body {
      static awaitable<void> wait_for_ever(Event& on, int& count) {
        const bool notified = co_await on.wait_for(core::Duration::max());
        count += notified ? 1 : 0;
      }
    };
    gate->spawn(Body::wait_for_ever(*event, woken));
    co_await runtime.sleep(1ms);
    event->notify();
    co_await gate->empty();
    EXPECT_EQ(woken, 2);
  });
}

TEST_P(RuntimeContract, a_gate_is_empty_when_all_have_left_and_can_be_used_again) {
  drive([](Runtime& runtime) -> awaitable<void> {
    const auto gate = runtime.gate();
    co_await gate->empty();
    int left = 0;
    struct Body {
      static awaitable<void> stay(Runtime& clock, core::Duration how_long, int& count) {
        co_await clock.sleep(how_long);
        ++count;
      }
    };
    for (int round = 1; round <= 2; ++round) {
      for (const auto how_long : {1ms, 3ms, 2ms}) gate->spawn(Body::stay(runtime, how_long, left));
      co_await gate->empty();
      EXPECT_EQ(left, 3 * round);
    }
  });
}

TEST_P(RuntimeContract, work_of_the_store_lane_is_done_one_after_the_other_in_the_order_given) {
  drive([](Runtime& runtime) -> awaitable<void> {
    struct Body {
      static awaitable<void> give(Runtime& to, int i, std::vector<int>& order, int& inside) {
        co_await to.blocking(Runtime::Lane::store, [i, &order, &inside] {
          EXPECT_EQ(++inside, 1);
          order.push_back(i);
          --inside;
        });
      }
    };
    std::vector<int> order;
    int inside = 0;
    const auto gate = runtime.gate();
    for (int i = 0; i < 100; ++i) gate->spawn(Body::give(runtime, i, order, inside));
    co_await gate->empty();
    EXPECT_EQ(order.size(), 100u);
  });
}

TEST_P(RuntimeContract, what_blocking_work_throws_reaches_the_caller) {
  drive([](Runtime& runtime) -> awaitable<void> {
    for (const auto lane : {Runtime::Lane::store, Runtime::Lane::files}) {
      bool caught = false;
      try {
        co_await runtime.blocking(lane, [] { throw std::runtime_error("from the lane"); });
      } catch (const std::runtime_error& error) {
        caught = std::string(error.what()) == "from the lane";
      }
      EXPECT_TRUE(caught);
    }
  });
}

TEST_P(RuntimeContract, uuids_are_of_version_4_and_never_the_same) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto uuid = runtime().uuid();
    ASSERT_EQ(uuid.size(), 36u);
    EXPECT_EQ(uuid[14], '4');
    EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos);
    for (const int dash : {8, 13, 18, 23}) EXPECT_EQ(uuid[static_cast<std::size_t>(dash)], '-');
    EXPECT_TRUE(seen.insert(uuid).second);
  }
}

TEST_P(RuntimeContract, random_numbers_differ) { EXPECT_NE(runtime().random(), runtime().random()); }

TEST(AsioRuntime, blocking_work_is_done_on_another_thread_and_the_caller_goes_on_on_its_own) {
  AsioRuntime runtime;
  struct Body {
    static awaitable<void> run(AsioRuntime& on) {
      const auto here = std::this_thread::get_id();
      auto there = here;
      co_await on.blocking(Runtime::Lane::store, [&there] { there = std::this_thread::get_id(); });
      EXPECT_NE(there, here);
      EXPECT_EQ(std::this_thread::get_id(), here);
    }
  };
  runtime.run(Body::run(runtime));
}

TEST(AsioRuntime, two_files_are_worked_on_at_a_time) {
  AsioRuntime runtime;
  struct Body {
    static awaitable<void> meet(AsioRuntime& on, std::mutex& mutex, std::condition_variable& met, int& present) {
      co_await on.blocking(Runtime::Lane::files, [&] {
        std::unique_lock lock(mutex);
        ++present;
        met.notify_all();
        EXPECT_TRUE(met.wait_for(lock, 10s, [&] { return present == 2; }));
      });
    }
    static awaitable<void> run(AsioRuntime& on) {
      std::mutex mutex;
      std::condition_variable met;
      int present = 0;
      const auto gate = on.gate();
      gate->spawn(meet(on, mutex, met, present));
      gate->spawn(meet(on, mutex, met, present));
      co_await gate->empty();
    }
  };
  runtime.run(Body::run(runtime));
}

TEST(AsioRuntime, an_exception_of_the_main_body_reaches_the_caller_of_run) {
  AsioRuntime runtime;
  struct Body {
    static awaitable<void> run(AsioRuntime& on) {
      co_await on.sleep(1ms);
      throw std::runtime_error("main");
    }
  };
  EXPECT_THROW(runtime.run(Body::run(runtime)), std::runtime_error);
}

TEST(AsioRuntimeDeathTest, an_exception_that_leaves_a_gate_stops_the_process) {
  struct Body {
    static awaitable<void> fails() {
      throw std::runtime_error("nobody's");
      co_return;
    }
    static awaitable<void> run(AsioRuntime& on) {
      const auto gate = on.gate();
      gate->spawn(fails());
      co_await gate->empty();
    }
  };
  EXPECT_DEATH(
      {
        AsioRuntime runtime;
        runtime.run(Body::run(runtime));
      },
      "an exception left a coroutine: nobody's");
}

TEST(AsioRuntime, coroutines_that_wait_when_it_ends_are_destroyed) {
  struct Body {
    static awaitable<void> wait_for_ever(Runtime& on, std::shared_ptr<int> held) {
      const auto event = on.event();
      co_await event->wait();
      ++*held;
    }
    static awaitable<void> stop_soon(AsioRuntime& on, Gate& gate, std::shared_ptr<int> held) {
      gate.spawn(wait_for_ever(on, held));
      co_await on.sleep(1ms);
      on.stop();
      co_await on.sleep(1h);
    }
  };
  const auto held = std::make_shared<int>(0);
  {
    AsioRuntime runtime;
    const auto gate = runtime.gate();
    runtime.run(Body::stop_soon(runtime, *gate, held));
  }
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(*held, 0);
}

}  // namespace
}  // namespace baton::test
