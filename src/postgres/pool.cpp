#include "postgres/pool.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <random>
#include <utility>

#include "postgres/connection.hpp"

namespace baton::postgres {

namespace asio = boost::asio;

namespace {

using Clock = std::chrono::steady_clock;
using ConnectionPtr = std::unique_ptr<Connection>;
constexpr auto as_pair = asio::as_tuple(asio::use_awaitable);

Failure away(std::string message) { return {.state = "08001", .message = std::move(message)}; }

}  // namespace

struct Pool::State : std::enable_shared_from_this<Pool::State> {
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor, Clock::time_point until) : timer(executor, until) {}
    asio::steady_timer timer;
    bool called = false;       // a connection was given, or there is room to make one
    ConnectionPtr connection;  // given
  };

  State(asio::any_io_executor on, PoolOptions with)
      : executor(std::move(on)), options(std::move(with)), random(std::random_device{}()) {}

  [[nodiscard]] bool backs_off() const { return failures > 0 && Clock::now() < retry_at; }
  [[nodiscard]] bool has_room() const { return open < options.size && !(failures > 0 && trying); }

  // Somebody who waits may go on: with this connection, or, without one, by looking again.
  void call_next(ConnectionPtr connection) {
    while (!waiters.empty()) {
      const auto waiter = waiters.front();
      waiters.pop_front();
      waiter->called = true;
      waiter->connection = std::move(connection);
      waiter->timer.cancel();
      return;
    }
    if (connection && !closed) idle.push_back(std::move(connection));
    if (connection) drop(std::move(connection));
  }
  void give_back(ConnectionPtr connection) {
    --lent;
    if (closed) {
      drop(std::move(connection));
    } else {
      call_next(std::move(connection));
    }
  }
  void drop(ConnectionPtr connection) {
    if (!closed) ++losses;
    connection.reset();
    left();
  }
  void left() {
    --open;
    call_next(nullptr);
    if (closed && open == 0) all_gone.cancel();
  }
  void call_all() {
    for (auto left_over = waiters.size(); left_over > 0; --left_over) call_next(nullptr);
  }
  void connected() {
    ++connects;
    failures = 0;
    call_all();  // as many as there is room for connect, the others wait again
  }
  void not_connected() {
    ++losses;
    failures = std::min(failures + 1, 30);
    auto pause = std::min(options.retry_min * (std::int64_t{1} << std::min(failures - 1, 20)), options.retry_max);
    pause -= Duration(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(pause.count() / 2 + 1)));
    retry_at = Clock::now() + pause;
    call_all();
  }

  awaitable<Outcome<ConnectionPtr>> acquire();
  awaitable<Outcome<ConnectionPtr>> make();

  asio::any_io_executor executor;
  PoolOptions options;
  std::mt19937_64 random;
  std::vector<ConnectionPtr> idle;
  std::deque<std::shared_ptr<Waiter>> waiters;
  std::size_t open = 0, lent = 0;
  std::uint64_t connects = 0, losses = 0;
  int failures = 0;  // to connect, in a row
  bool trying = false;
  std::string last_failure;
  Clock::time_point retry_at;
  bool closed = false;
  asio::steady_timer all_gone{executor, Clock::time_point::max()};
};

namespace {

// Gives the room back when the coroutine that makes a connection does not come to its end.
template <class Leave>
class Guard {
 public:
  explicit Guard(Leave leave) : leave_(std::move(leave)) {}
  ~Guard() {
    if (armed_) leave_();
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  void disarm() { armed_ = false; }

 private:
  Leave leave_;
  bool armed_ = true;
};

}  // namespace

awaitable<Outcome<ConnectionPtr>> Pool::State::make() {
  const auto self = shared_from_this();
  ++open;
  ++lent;
  trying = true;
  Guard room([this] {
    trying = false;
    --lent;
    left();
  });
  auto connection = co_await Connection::open(executor, options.connection);
  if (connection && !closed) {
    room.disarm();
    trying = false;
    connected();
    co_return std::move(*connection);
  }
  if (!connection) {
    last_failure = connection.error().message;
    not_connected();
    co_return tl::unexpected(connection.error());
  }
  co_return tl::unexpected(away("the pool is closed"));
}

awaitable<Outcome<ConnectionPtr>> Pool::State::acquire() {
  const auto self = shared_from_this();
  const auto since = Clock::now();
  for (bool first = true;; first = false) {
    if (closed) co_return tl::unexpected(away("the pool is closed"));
    // Who comes first is served first: a newcomer does not overtake.
    if (!first || waiters.empty()) {
      while (!idle.empty()) {
        auto connection = std::move(idle.back());
        idle.pop_back();
        if (connection->usable()) {
          ++lent;
          co_return connection;
        }
        drop(std::move(connection));
      }
      if (backs_off()) co_return tl::unexpected(away(last_failure));
      if (has_room()) {
        auto made = co_await make();
        co_return made;
      }
    }
    const auto until = since + (failures > 0 ? options.away_limit : options.wait_limit);
    const auto waiter = std::make_shared<Waiter>(executor, until);
    waiters.push_back(waiter);
    Guard place([this, waiter] {
      std::erase(waiters, waiter);
      if (waiter->called && waiter->connection) call_next(std::move(waiter->connection));
    });
    [[maybe_unused]] const auto [ec] = co_await waiter->timer.async_wait(as_pair);
    if (!waiter->called) {
      co_return tl::unexpected(
          away(failures > 0 ? last_failure : "all " + std::to_string(options.size) + " connections were busy for too long"));
    }
    if (waiter->connection) {
      place.disarm();
      ++lent;
      co_return std::move(waiter->connection);
    }
  }
}

Pool::Pool(asio::any_io_executor executor, PoolOptions options)
    : state_(std::make_shared<State>(std::move(executor), std::move(options))) {}

Pool::~Pool() {
  state_->closed = true;
  state_->call_all();
  state_->idle.clear();
}

awaitable<Answers> Pool::run(std::vector<Call> calls) {
  const auto state = state_;
  auto lent = co_await state->acquire();
  if (!lent) co_return tl::unexpected(lent.error());
  auto connection = std::move(*lent);
  Guard line([state, &connection] {  // also when this coroutine is destroyed in the middle
    --state->lent;
    state->drop(std::move(connection));
  });
  auto answers = co_await connection->run(std::move(calls));
  // A plan that no longer fits its tables, a statement that the server has forgotten: a new session knows neither.
  const bool outdated = !answers && (answers.error().state == "0A000" || answers.error().state == "26000");
  if (answers || (!answers.error().unknown && !outdated && connection->usable())) {
    line.disarm();
    state->give_back(std::move(connection));
  }
  co_return answers;
}

awaitable<void> Pool::close() {
  const auto state = state_;
  state->closed = true;
  state->call_all();
  state->open -= state->idle.size();
  state->idle.clear();
  while (state->open > 0) {
    [[maybe_unused]] const auto [ec] = co_await state->all_gone.async_wait(as_pair);
  }
}

Pool::Figures Pool::figures() const {
  return {.open = state_->open,
          .in_use = state_->lent,
          .waiting = state_->waiters.size(),
          .connects = state_->connects,
          .losses = state_->losses,
          .away = state_->failures > 0};
}

}  // namespace baton::postgres
