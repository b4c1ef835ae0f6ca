/// A PostgreSQL client over libpq: asynchronous, in pipeline mode, with prepared statements. It knows nothing of runs.
/// What all of it speaks of: options, statements, failures.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "postgres/parameters.hpp"
#include "postgres/rows.hpp"

namespace baton::postgres {

template <class T>
using awaitable = boost::asio::awaitable<T>;
using Duration = std::chrono::microseconds;

struct Options {
  std::string host = "127.0.0.1";  ///< a name, an address, or the folder of a Unix socket
  std::uint16_t port = 5432;
  std::string user;
  std::string password;  ///< empty: none is sent
  std::string database;
  std::string search_path;  ///< empty: the server's
  std::string application_name = "baton";
  Duration connect_limit = std::chrono::seconds(5);
  Duration statement_limit =
      std::chrono::seconds(30);  ///< of one statement, at the server; a call of several has that, and 5 s more
};

/// Why a call did not answer.
struct Failure {
  std::string state;       ///< SQLSTATE; 08xxx: the connection
  std::string message;     ///< one line
  std::string constraint;  ///< whose violation it is; empty: none
  bool unknown = false;    ///< the connection was lost with the call under way: nobody knows whether it was done
};
template <class T>
using Outcome = tl::expected<T, Failure>;
/// Whether the same call may succeed later: the server or the line to it is away, full or stopping, or others were in the way.
[[nodiscard]] bool is_passing(const Failure& failure);

/// SQL with `$1`, `$2`, …; prepared under its name on each connection that first needs it. Lives as long as the program: connections
/// remember its address.
struct Statement {
  const char* name;
  const char* sql;
};
struct Call {
  const Statement* statement;
  Parameters parameters;
};
/// Of one call each, in order.
using Answers = Outcome<std::vector<Rows>>;

}  // namespace baton::postgres
