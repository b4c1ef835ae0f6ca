#include "store/postgres/presence.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <random>
#include <set>

#include "postgres/connection.hpp"
#include "store/postgres/failures.hpp"

namespace baton::store {

namespace asio = boost::asio;

using postgres::Connection;
using postgres::Parameters;
using postgres::Statement;

namespace {

constexpr auto as_pair = asio::as_tuple(asio::use_awaitable);

#define LOCK_KEY "hashtextextended(current_schema() || '/' || $1::text, 0)"
#define HELD_HERE                                                                                          \
  "EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid = 1" \
  " AND ((classid::bigint << 32) | objid::bigint) = " LOCK_KEY ")"
// Once: a lock that is taken twice has to be freed twice.
constexpr Statement take{"take", "SELECT CASE WHEN " HELD_HERE " THEN true ELSE pg_try_advisory_lock(" LOCK_KEY ") END"};
constexpr Statement introduce{
    "introduce", "INSERT INTO replicas (id, version, seen, lock_key) VALUES ($1::text, $2::text, clock_timestamp(), " LOCK_KEY
                 ") ON CONFLICT (id) DO UPDATE SET version = excluded.version, seen = excluded.seen"};
constexpr Statement still_held{"still_held", "SELECT " HELD_HERE};
constexpr Statement free_it{"free_it", "SELECT pg_advisory_unlock(" LOCK_KEY ")"};
#undef HELD_HERE
#undef LOCK_KEY

std::vector<postgres::Call> about(const Statement& statement, const ReplicaId& replica) {
  return {{&statement, Parameters(replica.value())}};
}

}  // namespace

struct Presence::State : std::enable_shared_from_this<Presence::State> {
  State(asio::any_io_executor on, postgres::Options with)
      : executor(std::move(on)),
        options(std::move(with)),
        pause(executor),
        turn(executor, asio::steady_timer::time_point::max()) {}

  awaitable<Result<void>> enter(ReplicaId replica);
  awaitable<Result<void>> enter_on(std::shared_ptr<Connection> on, ReplicaId replica);
  awaitable<void> keep();

  // The connection is for one at a time.
  awaitable<void> take_turn() {
    while (busy) {
      [[maybe_unused]] const auto [ec] = co_await turn.async_wait(as_pair);
    }
    busy = true;
  }
  void end_turn() {
    busy = false;
    turn.cancel();
  }

  asio::any_io_executor executor;
  postgres::Options options;
  std::set<ReplicaId> joined;
  std::shared_ptr<Connection> connection;  // shared with who waits on it when this goes
  bool keeping = false, closed = false, busy = false;
  int misses = 0;  // tries to enter again that failed, in a row
  asio::steady_timer pause, turn;
};

awaitable<Result<void>> Presence::State::enter_on(std::shared_ptr<Connection> on, ReplicaId replica) {
  bool is_ours = false;
  // The server may not have noticed yet that an earlier process of this name has ended.
  for (int tries = 0; !is_ours && tries < 20; ++tries) {
    if (tries > 0) {
      asio::steady_timer moment(executor, std::chrono::milliseconds(50));
      [[maybe_unused]] const auto [ec] = co_await moment.async_wait(as_pair);
    }
    auto taken = co_await on->run(about(take, replica));
    if (!taken) co_return fail(error_of(taken.error()));
    is_ours = (*taken)[0][0].truth();
  }
  if (!is_ours) {
    co_return fail({.code = "store.not_yours",
                    .what = "another process lives under the name '" + replica.value() + "'",
                    .where = replica.value(),
                    .way_out = "give each replica a name of its own"});
  }
  std::vector<postgres::Call> said{{&introduce, Parameters(replica.value(), BATON_VERSION)}};
  auto introduced = co_await on->run(std::move(said));
  if (!introduced) co_return fail(error_of(introduced.error()));
  auto held = co_await on->run(about(still_held, replica));
  if (!held) co_return fail(error_of(held.error()));
  if (!(*held)[0][0].truth()) {
    co_return fail({.code = "store.pooled",
                    .what =
                        "the session's lock was lost after the next statement: the line to the database goes through a pool of"
                        " transactions (PgBouncer)",
                    .where = options.host + ":" + std::to_string(options.port),
                    .way_out = "connect to PostgreSQL itself, or let the pool give a session to each client"});
  }
  co_return Result<void>();
}

awaitable<Result<void>> Presence::State::enter(ReplicaId replica) {
  if (!connection || !connection->usable()) {
    auto opened = co_await Connection::open(executor, options);
    if (!opened) co_return fail(error_of(opened.error()));
    if (closed) co_return fail(error_of({.state = "08001", .message = "the store is closed"}));
    if (connection) connection->close();
    connection = std::move(*opened);
    for (const auto& other : std::set(joined)) {
      if (other == replica) continue;
      auto again = co_await enter_on(connection, other);
      if (!again) co_return again;
    }
  }
  auto entered = co_await enter_on(connection, replica);
  if (!entered) connection->close();
  co_return entered;
}

// Takes all locks again when the connection was lost.
awaitable<void> Presence::State::keep() {
  const auto self = shared_from_this();
  std::minstd_rand random(std::random_device{}());
  constexpr auto look_again = std::chrono::milliseconds(100), longest = std::chrono::milliseconds(5000);
  auto wait = look_again;
  while (!closed) {
    pause.expires_after(wait);
    [[maybe_unused]] const auto [ec] = co_await pause.async_wait(as_pair);
    wait = std::min(wait, look_again);
    if (closed || busy || joined.empty() || (connection && connection->usable())) continue;
    co_await take_turn();
    bool whole = !closed;
    for (const auto& replica : std::set(joined)) {
      if (!whole) break;
      auto entered = co_await enter(replica);
      whole = entered.has_value();
    }
    end_turn();
    misses = whole ? 0 : std::min(misses + 1, 6);
    if (whole) continue;
    wait = std::min(look_again * (1 << misses), longest);
    wait -= std::chrono::milliseconds(static_cast<int>(random() % static_cast<unsigned>(wait.count() / 2)));
  }
}

Presence::Presence(asio::any_io_executor executor, postgres::Options options)
    : state_(std::make_shared<State>(std::move(executor), std::move(options))) {}

Presence::~Presence() {
  state_->closed = true;
  if (state_->connection) state_->connection->close();
  state_->pause.cancel();
  state_->turn.cancel();
}

awaitable<Result<void>> Presence::join(ReplicaId replica) {
  const auto state = state_;
  co_await state->take_turn();
  auto entered = co_await state->enter(replica);
  state->end_turn();
  if (entered) {
    state->joined.insert(replica);
    if (!std::exchange(state->keeping, true)) asio::co_spawn(state->executor, state->keep(), asio::detached);
  }
  co_return entered;
}

awaitable<Result<void>> Presence::leave(ReplicaId replica) {
  const auto state = state_;
  state->joined.erase(replica);
  co_await state->take_turn();
  Result<void> left;
  if (state->connection && state->connection->usable()) {
    auto freed = co_await state->connection->run(about(free_it, replica));
    if (!freed) {
      state->connection->close();
      left = fail(error_of(freed.error()));
    }
  }
  state->end_turn();
  co_return left;
}

}  // namespace baton::store
