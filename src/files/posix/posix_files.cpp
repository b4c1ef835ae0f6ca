#include "files/posix/posix_files.hpp"

#include <atomic>
#include <thread>

#include "files/posix/stamp.hpp"

namespace baton {
namespace {

constexpr std::uint64_t inline_bytes_max =
    256 * 1024;  // about 0.2 ms of hashing: less than two hops between threads and a stalled loop
constexpr std::size_t threads_max = 8;

struct Reading {
  std::size_t at;  ///< index of the query
  posix::Wanted wanted;
  posix::Glance seen;
};

void read_all(const std::vector<Reading>& readings, std::vector<Result<core::Stamp>>& answers) {
  for (const auto& reading : readings) answers[reading.at] = posix::stamp(reading.wanted, reading.seen);
}

void read_in_parallel(const std::vector<Reading>& readings, std::vector<Result<core::Stamp>>& answers) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (auto i = next++; i < readings.size(); i = next++)
      answers[readings[i].at] = posix::stamp(readings[i].wanted, readings[i].seen);
  };
  const auto threads =
      std::min({threads_max, readings.size(), static_cast<std::size_t>(std::max(1u, std::thread::hardware_concurrency()))});
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < threads; ++i) others.emplace_back(work);
  work();
}

}  // namespace

awaitable<std::vector<Result<core::Stamp>>> PosixFiles::look(std::vector<FileQuery> queries) {
  std::vector<Result<core::Stamp>> answers(queries.size());
  std::vector<Reading> readings;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    posix::Wanted wanted{.path = queries[i].path, .directory = queries[i].directory, .by_stat = queries[i].by_stat};
    if (wanted.directory) wanted.without = left_out_;
    auto seen = posix::glance(wanted);
    if (!seen) {
      answers[i] = fail(seen.error());
    } else if (queries[i].known && posix::proves(*queries[i].known, *seen)) {
      answers[i] = std::move(*queries[i].known);
    } else {
      bytes += seen->bytes;
      readings.push_back({i, std::move(wanted), std::move(*seen)});
    }
  }
  if (bytes <= inline_bytes_max)
    read_all(readings, answers);
  else
    co_await runtime_.blocking(Runtime::Lane::files, [&] { read_in_parallel(readings, answers); });
  co_return answers;
}

}  // namespace baton
