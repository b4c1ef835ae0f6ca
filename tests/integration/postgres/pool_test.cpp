// The client against a server of its own, which is killed, stopped and paused.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>

#include "postgres/pool.hpp"
#include "runtime/asio/asio_runtime.hpp"
#include "store/postgres/migrate.hpp"
#include "store/postgres/postgres_store.hpp"
#include "support/servers.hpp"

namespace baton::test {
namespace {

using namespace std::chrono_literals;
using postgres::Answers;
using postgres::Call;
using postgres::Parameters;
using postgres::Pool;
using postgres::Statement;

constexpr Statement echo{"echo", "SELECT $1::bigint"};
constexpr Statement backend{"backend", "SELECT pg_backend_pid()"};
constexpr Statement slow{"slow", "SELECT pg_sleep(600)"};
constexpr Statement make{"make", "CREATE TABLE IF NOT EXISTS numbers (number bigint PRIMARY KEY)"};
constexpr Statement insert{"insert", "INSERT INTO numbers VALUES ($1::bigint)"};
constexpr Statement count{"count", "SELECT count(*) FROM numbers"};

std::vector<Call> one(const Statement& statement, Parameters parameters = Parameters()) {
  return {{&statement, std::move(parameters)}};
}

// One server for all tests of this file: to make its data takes the most time.
class Server {
 public:
  static Server& instance() {
    static Server server;
    return server;
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    services("stop");
    std::filesystem::remove_all(folder_);
  }
  bool services(const std::string& verb) {
    const auto command =
        std::string(BATON_SOURCE_DIR "/scripts/services ") + verb + " postgres --dir " + folder_ + " >/dev/null 2>&1";
    return std::system(command.c_str()) == 0;
  }
  [[nodiscard]] const postgres::Options& options() const { return options_; }

 private:
  Server() {
    auto pattern = (std::filesystem::temp_directory_path() / "baton-pg-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = pattern;
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
    if (!services("start")) throw std::runtime_error("scripts/services start postgres failed");
    const auto file = folder_ + "/env";
    if (std::system((BATON_SOURCE_DIR "/scripts/services env --dir " + folder_ + " > " + file).c_str()) != 0)
      throw std::runtime_error("scripts/services env failed");
    std::ifstream lines(file);
    std::map<std::string, std::string> found;
    for (std::string line; std::getline(lines, line);) {
      const auto equals = line.find('=');
      if (line.starts_with("export ") && equals != std::string::npos) found[line.substr(7, equals - 7)] = line.substr(equals + 1);
    }
    options_ = {.host = found.at("POSTGRES_HOST"),
                .port = static_cast<std::uint16_t>(std::stoi(found.at("POSTGRES_PORT"))),
                .user = found.at("POSTGRES_USER"),
                .password = found.at("POSTGRES_PASSWORD"),
                .database = found.at("POSTGRES_DB"),
                .connect_limit = 1s,
                .statement_limit = 500ms};
  }
  std::string folder_;
  postgres::Options options_;
};

class PostgresPool : public testing::Test {
 protected:
  void SetUp() override {
    if (setting("BATON_NO_SERVERS") == "1") GTEST_SKIP() << "BATON_NO_SERVERS=1";
    server_ = &Server::instance();
    ASSERT_TRUE(server_->services("start"));
    options_ = {.connection = server_->options(), .size = 2};
    pool_ = std::make_unique<Pool>(runtime_.io().get_executor(), options_);
  }
  void TearDown() override {
    if (pool_) runtime_.run(pool_->close());
  }

  template <class T>
  static awaitable<void> keep(awaitable<T> call, std::optional<T>& answer) {
    answer.emplace(co_await std::move(call));
  }
  template <class T>
  T wait(awaitable<T> call) {
    std::optional<T> answer;
    runtime_.run(keep(std::move(call), answer));
    return std::move(*answer);
  }
  Answers run(std::vector<Call> calls) { return wait(pool_->run(std::move(calls))); }
  bool answers() {
    const auto answer = run(one(echo, Parameters(std::int64_t{5})));
    return answer && (*answer)[0][0].number() == 5;
  }
  pid_t backend_pid() { return static_cast<pid_t>((*run(one(backend)))[0][0].number()); }
  bool eventually(const std::function<bool()>& is_so, std::chrono::seconds limit = 30s) {
    const auto until = std::chrono::steady_clock::now() + limit;
    while (!is_so()) {
      if (std::chrono::steady_clock::now() > until) return false;
      runtime_.run(runtime_.sleep(5ms));
    }
    return true;
  }

  Server* server_ = nullptr;
  AsioRuntime runtime_;
  postgres::PoolOptions options_;
  std::unique_ptr<Pool> pool_;
};

awaitable<void> ask(Pool& pool, std::int64_t number, std::vector<std::int64_t>& answered) {
  auto answers = co_await pool.run(one(echo, Parameters(number)));
  if (answers) answered.push_back((*answers)[0][0].number());
}

TEST_F(PostgresPool, fifty_callers_share_two_connections) {
  std::vector<std::int64_t> answered;
  const auto gate = runtime_.gate();
  for (std::int64_t i = 0; i < 50; ++i) gate->spawn(ask(*pool_, i, answered));

  runtime_.run(gate->empty());

  EXPECT_EQ(answered.size(), 50u);
  EXPECT_EQ(pool_->figures().open, 2u);
  EXPECT_EQ(pool_->figures().connects, 2u);
  EXPECT_EQ(pool_->figures().in_use, 0u);
  EXPECT_EQ(pool_->figures().waiting, 0u);
}

TEST_F(PostgresPool, who_comes_first_is_served_first) {
  options_.size = 1;
  Pool single(runtime_.io().get_executor(), options_);
  std::vector<std::int64_t> answered;
  const auto gate = runtime_.gate();
  for (std::int64_t i = 0; i < 50; ++i) gate->spawn(ask(single, i, answered));

  runtime_.run(gate->empty());

  ASSERT_EQ(answered.size(), 50u);
  EXPECT_TRUE(std::ranges::is_sorted(answered));
  runtime_.run(single.close());
}

TEST_F(PostgresPool, a_failure_undoes_the_whole_call_and_the_connection_stays) {
  ASSERT_TRUE(run(one(make)));
  const auto before = (*run(one(count)))[0][0].number();
  const auto pid = backend_pid();

  std::vector<Call> calls;
  for (const std::int64_t number : {before + 1, before + 2, before + 1, before + 3})
    calls.push_back({&insert, Parameters(number)});
  const auto refused = run(std::move(calls));

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().state, "23505");
  EXPECT_EQ(refused.error().constraint, "numbers_pkey");
  EXPECT_FALSE(refused.error().unknown);
  EXPECT_FALSE(postgres::is_passing(refused.error()));
  EXPECT_EQ((*run(one(count)))[0][0].number(), before);
  EXPECT_EQ(backend_pid(), pid);
}

TEST_F(PostgresPool, what_is_sent_may_be_larger_than_all_buffers) {
  constexpr Statement long_text{"long_text", "SELECT $1::text || $1::text"};
  const std::string megabytes(8 << 20, 'x');
  std::vector<Call> calls;
  for (int i = 0; i < 4; ++i) calls.push_back({&long_text, Parameters(megabytes)});
  options_.connection.statement_limit = 30s;
  Pool patient(runtime_.io().get_executor(), options_);

  const auto answers = wait(patient.run(std::move(calls)));

  ASSERT_TRUE(answers) << answers.error().message;
  for (const auto& rows : *answers) EXPECT_EQ(rows[0].text().size(), megabytes.size() * 2);
  runtime_.run(patient.close());
}

TEST_F(PostgresPool, a_statement_that_takes_too_long_is_ended_by_the_server_and_the_connection_stays) {
  const auto pid = backend_pid();

  const auto refused = run(one(slow));

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().state, "57014");
  EXPECT_TRUE(postgres::is_passing(refused.error()));
  EXPECT_EQ(backend_pid(), pid);
}

TEST_F(PostgresPool, a_connection_whose_caller_was_cancelled_is_never_lent_again) {
  const auto pid = backend_pid();
  boost::asio::cancellation_signal stop;
  bool is_over = false;
  std::optional<Answers> answer;
  boost::asio::co_spawn(runtime_.io(), keep(pool_->run(one(slow)), answer),
                        boost::asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr) { is_over = true; }));
  ASSERT_TRUE(eventually([&] { return pool_->figures().in_use == 1; }));
  stop.emit(boost::asio::cancellation_type::terminal);
  ASSERT_TRUE(eventually([&] { return is_over; }));

  EXPECT_NE(backend_pid(), pid);
  EXPECT_TRUE(answers());
  EXPECT_EQ(pool_->figures().in_use, 0u);
}

TEST_F(PostgresPool, while_the_server_is_away_calls_are_answered_soon_and_afterwards_well) {
  ASSERT_TRUE(answers());
  ASSERT_TRUE(server_->services("kill"));

  for (int i = 0; i < 100; ++i) {
    const auto before = std::chrono::steady_clock::now();
    const auto refused = run(one(echo, Parameters(std::int64_t{1})));
    ASSERT_FALSE(refused);
    EXPECT_TRUE(postgres::is_passing(refused.error())) << refused.error().state << refused.error().message;
    EXPECT_LT(std::chrono::steady_clock::now() - before, 2500ms);
  }
  EXPECT_TRUE(pool_->figures().away);
  ASSERT_TRUE(server_->services("start"));

  EXPECT_TRUE(eventually([&] { return answers(); }));
  EXPECT_FALSE(pool_->figures().away);
  EXPECT_GT(pool_->figures().losses, 0u);
  std::vector<std::int64_t> answered;
  const auto gate = runtime_.gate();
  for (std::int64_t i = 0; i < 50; ++i) gate->spawn(ask(*pool_, i, answered));
  runtime_.run(gate->empty());
  EXPECT_EQ(answered.size(), 50u);
}

TEST_F(PostgresPool, a_server_that_was_restarted_in_between_is_not_noticed) {
  ASSERT_TRUE(answers());
  ASSERT_TRUE(server_->services("restart"));

  EXPECT_TRUE(answers());
}

// Stops the server's processes as they are; lets them go on when it goes.
class Pause {
 public:
  explicit Pause(pid_t of) {
    std::ifstream stat("/proc/" + std::to_string(of) + "/stat");
    std::string name, state;
    pid_t pid = 0, parent = 0;
    stat >> pid >> name >> state >> parent;
    // Names hold no space: "(postgres)".
    pids_ = {of, parent};
    if (parent > 1) {
      for (const auto one_pid : pids_) ::kill(one_pid, SIGSTOP);
    }
  }
  ~Pause() {
    for (const auto pid : pids_) ::kill(pid, SIGCONT);
  }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

 private:
  std::vector<pid_t> pids_;
};

TEST_F(PostgresPool, a_paused_server_is_given_up_and_no_late_answer_is_taken_for_another) {
  const auto pid = backend_pid();
  {
    const Pause pause(pid);
    const auto before = std::chrono::steady_clock::now();
    const auto refused = run(one(echo, Parameters(std::int64_t{1})));
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().unknown);
    EXPECT_TRUE(postgres::is_passing(refused.error()));
    EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
    std::vector<std::int64_t> answered;
    const auto gate = runtime_.gate();
    for (std::int64_t i = 0; i < 20; ++i) gate->spawn(ask(*pool_, i, answered));
    runtime_.run(gate->empty());
    EXPECT_TRUE(answered.empty());
  }

  EXPECT_TRUE(eventually([&] { return answers(); }));
  for (std::int64_t i = 0; i < 20; ++i) EXPECT_EQ((*run(one(echo, Parameters(i))))[0][0].number(), i);
}

TEST_F(PostgresPool, a_pool_that_is_closed_answers_who_waits) {
  std::vector<std::int64_t> answered;
  const auto gate = runtime_.gate();
  for (std::int64_t i = 0; i < 10; ++i) gate->spawn(ask(*pool_, i, answered));
  ASSERT_TRUE(eventually([&] { return !answered.empty(); }));

  runtime_.run(pool_->close());
  runtime_.run(gate->empty());

  EXPECT_EQ(pool_->figures().open, 0u);
  EXPECT_FALSE(run(one(echo, Parameters(std::int64_t{1}))));
}

TEST_F(PostgresPool, a_name_is_looked_up_and_a_wrong_one_is_a_failure) {
  auto options = options_;
  options.connection.host = "localhost";
  Pool named(runtime_.io().get_executor(), options);
  const auto found = wait(named.run(one(backend)));
  EXPECT_TRUE(found) << found.error().message;
  runtime_.run(named.close());
  options.connection.host = "no-such-host.invalid";
  Pool lost(runtime_.io().get_executor(), options);

  const auto refused = wait(lost.run(one(backend)));

  ASSERT_FALSE(refused);
  EXPECT_TRUE(postgres::is_passing(refused.error()));
  EXPECT_FALSE(refused.error().unknown);
  runtime_.run(lost.close());
}

TEST_F(PostgresPool, a_store_lives_through_the_death_of_its_server) {
  const auto executor = runtime_.io().get_executor();
  auto options = options_;
  options.connection.statement_limit = 10s;
  const auto migrated = wait(migrate(executor, options.connection));
  ASSERT_TRUE(migrated) << migrated.error().what;
  PostgresStore store(executor, options);
  ASSERT_TRUE(wait(store.join(ReplicaId("r1"))));
  ASSERT_TRUE(wait(store.put_project({.id = ProjectId("p"), .user = UserId(1), .name = "n", .document = "{}"})));
  ASSERT_TRUE(server_->services("kill"));
  EXPECT_EQ(wait(store.is_gone(ReplicaId("r1"))).error().code, "store.unavailable");

  ASSERT_TRUE(server_->services("start"));

  EXPECT_TRUE(eventually(
      [&] {
        const auto gone = wait(store.is_gone(ReplicaId("r1")));
        return gone && !*gone;
      },
      10s));
  EXPECT_TRUE(wait(store.project(ProjectId("p"))));
  runtime_.run(store.close());
}

}  // namespace
}  // namespace baton::test
