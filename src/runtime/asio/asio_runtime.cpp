#include "runtime/asio/asio_runtime.hpp"

#include <sys/random.h>
#include <time.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <random>

#include "runtime/asio/lane.hpp"
#include "runtime/asio/waiting.hpp"

namespace baton {
namespace asio = boost::asio;
namespace {

constexpr auto as_pair = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t files_threads = 2;  // hashing, files, DNS: two disks' worth, and no more than the smallest host has cores

void fill(void* bytes, std::size_t size) {
  // Below 256 bytes the kernel never gives less, and never fails once it is up (getrandom(2)).
  BATON_ASSERT(::getrandom(bytes, size, 0) == static_cast<ssize_t>(size));
}

}  // namespace

struct AsioRuntime::Parts {
  explicit Parts(Options wanted) : options(wanted) {}
  Options options;
  std::shared_ptr<bool> down = std::make_shared<bool>(false);
  std::optional<std::mt19937_64> engine;
  asio::io_context io{1};
  // Destroyed before the context, as their threads post to it.
  BlockingLane store{io, 1};
  BlockingLane files{io, files_threads};
};

AsioRuntime::AsioRuntime() : AsioRuntime(Options{}) {}
AsioRuntime::AsioRuntime(Options options) : parts_(std::make_unique<Parts>(options)) {}
AsioRuntime::~AsioRuntime() { *parts_->down = true; }

void AsioRuntime::run() {
  parts_->io.restart();
  parts_->io.run();
}

void AsioRuntime::run(awaitable<void> body) {
  std::exception_ptr thrown;
  bool ended = false;
  asio::co_spawn(parts_->io, std::move(body), [&](std::exception_ptr exception) {
    thrown = exception;
    ended = true;
  });
  parts_->io.restart();
  while (!ended && parts_->io.run_one() != 0) continue;
  BATON_ASSERT(ended || parts_->io.stopped());
  if (thrown) std::rethrow_exception(thrown);
}

void AsioRuntime::stop() {
  *parts_->down = true;
  parts_->io.stop();
}

asio::io_context& AsioRuntime::io() { return parts_->io; }

core::Instant AsioRuntime::wall() { return std::chrono::time_point_cast<core::Duration>(std::chrono::system_clock::now()); }

core::Duration AsioRuntime::steady() {
  timespec now{};
  BATON_ASSERT(::clock_gettime(CLOCK_BOOTTIME, &now) == 0);
  return std::chrono::duration_cast<core::Duration>(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

awaitable<void> AsioRuntime::sleep(core::Duration how_long) {
  asio::steady_timer timer(parts_->io, how_long);
  co_await timer.async_wait(as_pair);
}

std::unique_ptr<Gate> AsioRuntime::gate() { return std::make_unique<AsioGate>(parts_->io, parts_->down); }
std::unique_ptr<Event> AsioRuntime::event() { return std::make_unique<AsioEvent>(parts_->io); }

std::uint64_t AsioRuntime::random() {
  if (!parts_->engine) {
    std::uint64_t seed = 0;
    fill(&seed, sizeof seed);
    parts_->engine.emplace(seed);
  }
  return (*parts_->engine)();
}

// Not from random(): 64 bits of seed are too few for names that must never meet again (R1).
std::string AsioRuntime::uuid() {
  std::array<unsigned char, 16> bytes{};
  fill(bytes.data(), bytes.size());
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += "0123456789abcdef"[bytes[i] >> 4];
    text += "0123456789abcdef"[bytes[i] & 15];
  }
  return text;
}

awaitable<void> AsioRuntime::blocking(Lane lane, std::function<void()> work) {
  if (lane == Lane::store && parts_->options.store_inline) {
    work();
    co_return;
  }
  auto* threads = lane == Lane::store ? &parts_->store : &parts_->files;
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
      [threads, &work](auto handler) { threads->give(std::move(work), BlockingLane::Done(std::move(handler))); },
      asio::use_awaitable);
}

}  // namespace baton
