// Beside `baton serve`, on the runs that it left open: the same calls without a scheduler around them. Driven by bench.py.
//
//   bench_service store N SECONDS RUNS    N coroutines, each begin_pass and commit on its share of the projects 0 … RUNS-1
//   bench_service loop N SECONDS          N workers: take a message, lock, begin_pass, commit, unlock, acknowledge
//   bench_service sql                     the two statements of a pass, for pgbench
//
// Prints one number: passes a second. The servers are told by the environment, as for `baton serve`.
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "lock/redis/redis_lock.hpp"
#include "queue/rabbitmq/rabbit_queue.hpp"
#include "runtime/asio/asio_runtime.hpp"
#include "scheduling/names.hpp"
#include "store/postgres/postgres_store.hpp"
#include "store/postgres/statements.hpp"

namespace baton {
namespace {

using namespace std::chrono_literals;

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value != nullptr) return value;
  std::fprintf(stderr, "%s is not set\n", name);
  std::exit(2);
}

std::uint16_t port(const char* name) { return static_cast<std::uint16_t>(std::stoi(from_environment(name))); }

core::RunKey run_number(std::uint64_t number) {
  auto digits = std::to_string(number);
  digits.insert(0, 12 - digits.size(), '0');
  return {.user = UserId(1), .project = ProjectId("00000000-0000-4000-8000-" + digits), .iteration = Iteration(1)};
}

struct Bench {
  Bench()
      : store(runtime.io().get_executor(), {.connection = {.host = from_environment("POSTGRES_HOST"),
                                                           .port = port("POSTGRES_PORT"),
                                                           .user = from_environment("POSTGRES_USER"),
                                                           .password = from_environment("POSTGRES_PASSWORD"),
                                                           .database = from_environment("POSTGRES_DB")}}),
        gate(runtime.gate()) {}

  /// What a pass does of which nothing comes: most of what wakes a run of long jobs.
  awaitable<bool> pass(core::RunKey run) {
    const auto [at, fresh] = known.try_emplace(run, Fence::none());
    const BeginPass question{.run = run, .known = at->second, .replica = ReplicaId("bench")};
    const auto ticket = co_await store.begin_pass(question);
    if (!ticket) {
      // A pass that was stopped in the middle, with who drove it before us, is waited for.
      if (ticket.error().code == "store.backing_off") {
        co_await runtime.sleep(50ms);
        co_return true;
      }
      std::fprintf(stderr, "begin_pass: %s %s\n", ticket.error().code.c_str(), ticket.error().what.c_str());
      co_return false;
    }
    at->second = Fence(ticket->fence.value() - 1);
    core::Decision decision;
    decision.result = ticket->record.result;
    decision.started = ticket->record.started;
    const auto committed = co_await store.commit(*ticket, decision);
    if (!committed) std::fprintf(stderr, "commit: %s\n", committed.error().code.c_str());
    if (committed) ++passes;
    co_return committed.has_value();
  }

  awaitable<void> drive_store(std::uint64_t first, std::uint64_t step, std::uint64_t runs) {
    for (auto number = first; runtime.steady() < until; number = number + step < runs ? number + step : first) {
      const auto done = co_await pass(run_number(number));
      if (!done) co_return;
    }
  }

  awaitable<void> drive_loop(Queue& queue, Lock& lock) {
    for (;;) {
      const auto delivery = co_await queue.receive();
      if (!delivery) co_return;
      auto lease = co_await lock.acquire(run_lock(delivery->run), 10s);
      const auto done = co_await pass(delivery->run);
      static_cast<void>(done);
      if (lease) co_await lock.release(*lease);
      co_await queue.ack(*delivery);
    }
  }

  awaitable<void> store_alone(std::uint64_t coroutines, core::Duration length, std::uint64_t runs) {
    until = runtime.steady() + length;
    for (std::uint64_t i = 0; i < coroutines; ++i) gate->spawn(drive_store(i, coroutines, runs));
    co_await gate->empty();
    co_await store.close();
  }

  /// The first message begins the measurement, as it ends a length after that.
  awaitable<void> bare_loop(std::uint64_t workers, core::Duration length) {
    const auto executor = runtime.io().get_executor();
    RabbitOptions broker;
    broker.broker = {.host = from_environment("RABBIT_HOST"),
                     .port = port("RABBIT_PORT"),
                     .user = from_environment("RABBIT_USER"),
                     .password = from_environment("RABBIT_PASSWORD")};
    broker.queue = from_environment("BATON_QUEUE");
    RabbitQueue queue(runtime, executor, broker);
    RedisLockOptions server;
    server.server.host = from_environment("REDIS_HOST");
    server.server.port = port("REDIS_PORT");
    server.replica = "bench";
    RedisLock lock(runtime, executor, server);
    for (std::uint64_t i = 0; i < workers; ++i) gate->spawn(drive_loop(queue, lock));
    while (passes < workers) co_await runtime.sleep(10ms);
    const auto warm = passes;
    const auto begin = runtime.steady();
    co_await runtime.sleep(length);
    measured = passes - warm;
    took = runtime.steady() - begin;
    queue.close();
    co_await gate->empty();
    co_await queue.stop(amqp::milliseconds(2000));
    co_await store.close();
  }

  AsioRuntime runtime;
  PostgresStore store;
  std::unique_ptr<Gate> gate;
  std::map<core::RunKey, Fence> known;
  core::Duration until{}, took{};
  std::uint64_t passes = 0, measured = 0;
};

int run(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "sql" && argc == 2) {
    std::printf("%s\n%s\n", store::sql::begin_pass.sql, store::sql::commit_run.sql);
    return 0;
  }
  if (!(mode == "store" && argc == 5) && !(mode == "loop" && argc == 4)) {
    std::fprintf(stderr, "usage: bench_service store N SECONDS RUNS | loop N SECONDS | sql\n");
    return 2;
  }
  Bench bench;
  const auto workers = std::stoull(argv[2]);
  const auto length = std::chrono::seconds(std::stoi(argv[3]));
  if (mode == "store") {
    const auto begin = bench.runtime.steady();
    bench.runtime.run(bench.store_alone(workers, length, std::stoull(argv[4])));
    bench.took = bench.runtime.steady() - begin;
    bench.measured = bench.passes;
  } else {
    bench.runtime.run(bench.bare_loop(workers, length));
  }
  std::printf("%.1f\n", static_cast<double>(bench.measured) / std::chrono::duration<double>(bench.took).count());
  return 0;
}

}  // namespace
}  // namespace baton

int main(int argc, char** argv) { return baton::run(argc, argv); }
