#include "postgres/connection.hpp"

#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace baton::postgres {

namespace asio = boost::asio;

namespace {

using Descriptor = asio::posix::stream_descriptor;
using Clock = std::chrono::steady_clock;
constexpr auto as_pair = asio::as_tuple(asio::use_awaitable);

constexpr const char* lost_state = "08006";
constexpr const char* cannot_connect_state = "08001";
constexpr const char* time_out_state = "08P01";

// libpq's messages end with a line feed, and may have several lines.
std::string one_line(const char* message) {
  std::string line(message == nullptr ? "" : message);
  while (!line.empty() && line.back() == '\n') line.pop_back();
  std::ranges::replace(line, '\n', ' ');
  return line;
}

std::string field(const PGresult* result, int which) {
  const char* text = PQresultErrorField(result, which);
  return text == nullptr ? std::string() : std::string(text);
}

Failure failure_of(const PGresult* result) {
  auto state = field(result, PG_DIAG_SQLSTATE);
  // Without a state libpq speaks for itself: the line broke.
  const bool lost = state.empty();
  return {.state = lost ? lost_state : std::move(state),
          .message = lost ? one_line(PQresultErrorMessage(result)) : field(result, PG_DIAG_MESSAGE_PRIMARY),
          .constraint = field(result, PG_DIAG_CONSTRAINT_NAME),
          .unknown = lost};
}

// Cancels what the descriptor waits for when the time has come.
class Alarm {
 public:
  Alarm(Descriptor& descriptor, Clock::time_point at)
      : timer_(descriptor.get_executor(), at), armed_(std::make_shared<Descriptor*>(&descriptor)) {
    timer_.async_wait([armed = armed_](boost::system::error_code ec) {
      if (!ec && *armed != nullptr) std::exchange(*armed, nullptr)->cancel();
    });
  }
  ~Alarm() { *armed_ = nullptr; }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  [[nodiscard]] bool rang() const { return *armed_ == nullptr; }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<Descriptor*> armed_;
};

// libpq would look names up itself, and block the loop for it.
awaitable<Outcome<std::string>> addresses_of(asio::any_io_executor executor, Options options) {
  boost::system::error_code not_numeric;
  const auto numeric = asio::ip::make_address(options.host, not_numeric);
  if (!not_numeric) co_return numeric.to_string();
  const auto resolver = std::make_shared<asio::ip::tcp::resolver>(executor);
  asio::steady_timer timer(executor, options.connect_limit);
  timer.async_wait([resolver](boost::system::error_code timer_ec) {
    if (!timer_ec) resolver->cancel();
  });
  auto [ec, found] = co_await resolver->async_resolve(options.host, std::to_string(options.port), as_pair);
  if (ec) {
    co_return tl::unexpected(
        Failure{.state = cannot_connect_state, .message = "'" + options.host + "' was not found: " + ec.message()});
  }
  std::string addresses;
  for (const auto& entry : found) addresses += (addresses.empty() ? "" : ",") + entry.endpoint().address().to_string();
  co_return addresses;
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string list = text;
  for (std::size_t i = 1; i < times; ++i) list += "," + text;
  return list;
}

// What holds for each session. Statements are few and always find their rows by an index: a plan that was made when the tables were
// empty must not read all of them later, and none shall be made anew for each call.
std::string session_options(const Options& options) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(options.statement_limit).count();
  std::string text = "-c statement_timeout=" + std::to_string(milliseconds) +
                     " -c idle_in_transaction_session_timeout=" + std::to_string(milliseconds) +
                     " -c jit=off -c plan_cache_mode=force_generic_plan -c enable_seqscan=off"
                     " -c default_transaction_isolation=read\\ committed"
                     " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3";
  if (!options.search_path.empty()) text += " -c search_path=" + options.search_path;
  return text;
}

}  // namespace

bool is_passing(const Failure& failure) {
  const auto kind = std::string_view(failure.state).substr(0, 2);
  return kind == "08" || kind == "53" || kind == "57" || kind == "40" || kind == "55" || kind == "28" || kind == "3D" ||
         kind == "25";
}

struct Connection::Parts {
  explicit Parts(const asio::any_io_executor& executor, Options with) : options(std::move(with)), descriptor(executor) {}
  ~Parts() { close(); }

  void close() {
    boost::system::error_code ignored;
    descriptor.close(ignored);
    if (connection != nullptr) PQfinish(std::exchange(connection, nullptr));
  }
  // A duplicate: libpq closes its socket whenever it finds the line broken, and the number is given to the next one that is opened. What
  // Asio watches under a number must not be another's.
  void attach() {
    boost::system::error_code ignored;
    descriptor.close(ignored);
    const int socket = ::fcntl(PQsocket(connection), F_DUPFD_CLOEXEC, 0);
    if (socket >= 0) descriptor.assign(socket, ignored);
  }
  [[nodiscard]] Failure lost() const {
    return {.state = lost_state,
            .message = connection == nullptr ? "the connection was closed" : one_line(PQerrorMessage(connection)),
            .constraint = {},
            .unknown = true};
  }
  [[nodiscard]] Clock::time_point limit_of_call() const {
    return Clock::now() + options.statement_limit * 6 / 5 + std::chrono::seconds(1);
  }
  awaitable<Outcome<void>> connect();
  awaitable<Outcome<void>> wait(Descriptor::wait_type what, Clock::time_point until);
  awaitable<Outcome<void>> flush(Clock::time_point until);
  awaitable<Outcome<void>> until_answer(Clock::time_point until);
  Outcome<void> send(const std::vector<Call>& calls, std::vector<const Statement*>& to_prepare);

  Options options;
  PGconn* connection = nullptr;
  Descriptor descriptor;
  std::vector<const Statement*> prepared;
};

awaitable<Outcome<void>> Connection::Parts::wait(Descriptor::wait_type what, Clock::time_point until) {
  Alarm alarm(descriptor, until);
  auto [ec] = co_await descriptor.async_wait(what, as_pair);
  if (connection == nullptr) co_return tl::unexpected(lost());
  if (alarm.rang()) {
    co_return tl::unexpected(
        Failure{.state = time_out_state, .message = "the server did not answer in time", .constraint = {}, .unknown = true});
  }
  if (ec) co_return tl::unexpected(Failure{.state = lost_state, .message = ec.message(), .constraint = {}, .unknown = true});
  co_return Outcome<void>();
}

awaitable<Outcome<void>> Connection::Parts::connect() {
  const auto until = Clock::now() + options.connect_limit;
  auto host = options.host;
  auto port = std::to_string(options.port);
  std::string addresses;
  if (!host.starts_with('/')) {
    auto found = co_await addresses_of(descriptor.get_executor(), options);
    if (!found) co_return tl::unexpected(found.error());
    addresses = *found;
    const auto count = static_cast<std::size_t>(std::ranges::count(addresses, ',')) + 1;
    host = repeated(host, count);
    port = repeated(port, count);
  }
  const auto session = session_options(options);
  std::vector<const char*> names, values;
  const auto set = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    names.push_back(name);
    values.push_back(value.c_str());
  };
  const std::string on = "1", idle = "5", interval = "2", count = "3", user_limit = "15000", utf8 = "UTF8", disable = "disable";
  set("host", host);
  set("hostaddr", addresses);
  set("port", port);
  set("user", options.user);
  set("password", options.password);
  set("dbname", options.database);
  set("application_name", options.application_name);
  set("client_encoding", utf8);
  set("options", session);
  set("keepalives", on);
  set("keepalives_idle", idle);
  set("keepalives_interval", interval);
  set("keepalives_count", count);
  set("tcp_user_timeout", user_limit);
  set("gssencmode", disable);
  names.push_back(nullptr);
  values.push_back(nullptr);
  connection = PQconnectStartParams(names.data(), values.data(), 0);
  if (connection == nullptr) throw std::bad_alloc();
  PQsetNoticeProcessor(connection, [](void*, const char*) {}, nullptr);  // nothing of it on the terminal
  auto state = PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) {
      co_return tl::unexpected(Failure{.state = cannot_connect_state, .message = one_line(PQerrorMessage(connection))});
    }
    attach();  // the socket may change between polls
    const auto what = state == PGRES_POLLING_READING ? Descriptor::wait_read : Descriptor::wait_write;
    auto ready = co_await wait(what, until);
    if (!ready) {
      ready.error().unknown = false;
      co_return tl::unexpected(ready.error());
    }
    state = PQconnectPoll(connection);
  }
  attach();
  if (PQsetnonblocking(connection, 1) != 0 || PQenterPipelineMode(connection) != 1) co_return tl::unexpected(lost());
  co_return Outcome<void>();
}

// Waits for either direction: a server that cannot send its answers stops reading our questions.
awaitable<Outcome<void>> Connection::Parts::flush(Clock::time_point until) {
  using namespace asio::experimental::awaitable_operators;
  for (int state = PQflush(connection); state != 0; state = PQflush(connection)) {
    if (state < 0) co_return tl::unexpected(lost());
    Alarm alarm(descriptor, until);
    auto ready = co_await (descriptor.async_wait(Descriptor::wait_read, as_pair) ||
                           descriptor.async_wait(Descriptor::wait_write, as_pair));
    if (connection == nullptr) co_return tl::unexpected(lost());
    if (alarm.rang()) {
      co_return tl::unexpected(
          Failure{.state = time_out_state, .message = "the server takes nothing any more", .constraint = {}, .unknown = true});
    }
    if (ready.index() == 0 && PQconsumeInput(connection) == 0) co_return tl::unexpected(lost());
  }
  co_return Outcome<void>();
}

awaitable<Outcome<void>> Connection::Parts::until_answer(Clock::time_point until) {
  while (PQisBusy(connection) != 0) {
    auto ready = co_await wait(Descriptor::wait_read, until);
    if (!ready) co_return tl::unexpected(ready.error());
    if (PQconsumeInput(connection) == 0) co_return tl::unexpected(lost());
  }
  co_return Outcome<void>();
}

// Puts all into libpq's buffer. What is prepared has an answer of its own, before that of its statement.
Outcome<void> Connection::Parts::send(const std::vector<Call>& calls, std::vector<const Statement*>& to_prepare) {
  for (const auto& call : calls) {
    const auto* statement = call.statement;
    const bool known = std::ranges::count(prepared, statement) > 0 || std::ranges::count(to_prepare, statement) > 0;
    if (!known) {
      if (PQsendPrepare(connection, statement->name, statement->sql, 0, nullptr) != 1) return tl::unexpected(lost());
      to_prepare.push_back(statement);
    } else {
      to_prepare.push_back(nullptr);
    }
    const auto pointers = call.parameters.pointers();
    const auto lengths = call.parameters.lengths();
    const std::vector<int> binary(pointers.size(), 1);
    if (PQsendQueryPrepared(connection, statement->name, static_cast<int>(pointers.size()), pointers.data(), lengths.data(),
                            binary.data(), 1) != 1)
      return tl::unexpected(lost());
  }
  if (PQpipelineSync(connection) != 1) return tl::unexpected(lost());
  return {};
}

Connection::Connection(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Connection::~Connection() = default;
void Connection::close() { parts_->close(); }

awaitable<Outcome<std::unique_ptr<Connection>>> Connection::open(asio::any_io_executor executor, Options options) {
  std::unique_ptr<Connection> made(new Connection(std::make_unique<Parts>(executor, std::move(options))));
  auto connected = co_await made->parts_->connect();
  if (!connected) co_return tl::unexpected(connected.error());
  co_return made;
}

awaitable<Answers> Connection::run(std::vector<Call> calls) {
  auto& parts = *parts_;
  if (parts.connection == nullptr) co_return tl::unexpected(parts.lost());
  const auto until = parts.limit_of_call();
  std::vector<const Statement*> to_prepare;  // one a call; null: prepared before
  auto sent = parts.send(calls, to_prepare);
  if (!sent) co_return tl::unexpected(sent.error());
  auto flushed = co_await parts.flush(until);
  if (!flushed) co_return tl::unexpected(flushed.error());
  std::vector<Rows> answers;
  answers.reserve(calls.size());
  std::optional<Failure> failure;
  std::size_t at = 0;     // the call that is answered next …
  bool preparing = true;  // … and whether it is its preparation
  for (;;) {
    auto ready = co_await parts.until_answer(until);
    if (!ready) co_return tl::unexpected(ready.error());
    std::shared_ptr<PGresult> result(PQgetResult(parts.connection), PQclear);
    if (!result) {
      if (PQstatus(parts.connection) == CONNECTION_BAD) co_return tl::unexpected(parts.lost());
      continue;  // ends one statement's results
    }
    const auto status = PQresultStatus(result.get());
    if (status == PGRES_PIPELINE_SYNC) break;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      if (status == PGRES_PIPELINE_ABORTED) continue;  // of what came after the failure
      if (!failure) failure = failure_of(result.get());
      if (failure->unknown) co_return tl::unexpected(std::move(*failure));
      continue;
    }
    if (failure) continue;
    BATON_ASSERT(at < calls.size());
    if (preparing && to_prepare[at] != nullptr) {
      parts.prepared.push_back(to_prepare[at]);
      preparing = false;
      continue;
    }
    answers.emplace_back(std::move(result));
    preparing = true;
    ++at;
  }
  if (failure) co_return tl::unexpected(std::move(*failure));
  co_return answers;
}

awaitable<Outcome<void>> Connection::script(std::string sql) {
  auto& parts = *parts_;
  if (parts.connection == nullptr) co_return tl::unexpected(parts.lost());
  const auto until = parts.limit_of_call();
  if (PQexitPipelineMode(parts.connection) != 1 || PQsendQuery(parts.connection, sql.c_str()) != 1)
    co_return tl::unexpected(parts.lost());
  auto flushed = co_await parts.flush(until);
  if (!flushed) co_return tl::unexpected(flushed.error());
  std::optional<Failure> failure;
  for (;;) {
    auto ready = co_await parts.until_answer(until);
    if (!ready) co_return tl::unexpected(ready.error());
    const std::shared_ptr<PGresult> result(PQgetResult(parts.connection), PQclear);
    if (!result) break;
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY && !failure)
      failure = failure_of(result.get());
  }
  if (PQstatus(parts.connection) == CONNECTION_BAD || PQenterPipelineMode(parts.connection) != 1)
    co_return tl::unexpected(failure ? *failure : parts.lost());
  if (failure) co_return tl::unexpected(std::move(*failure));
  co_return Outcome<void>();
}

bool Connection::usable() {
  auto& parts = *parts_;
  if (parts.connection == nullptr) return false;
  // Most often nothing has come. What comes to an idle line is most often its end, the server's last words before it.
  pollfd socket{.fd = PQsocket(parts.connection), .events = POLLIN, .revents = 0};
  while (::poll(&socket, 1, 0) > 0) {
    if (PQconsumeInput(parts.connection) == 0) return false;
    if (PQisBusy(parts.connection) != 0 || PQstatus(parts.connection) != CONNECTION_OK) return false;
  }
  return PQstatus(parts.connection) == CONNECTION_OK && PQpipelineStatus(parts.connection) == PQ_PIPELINE_ON &&
         PQisBusy(parts.connection) == 0;
}

}  // namespace baton::postgres
