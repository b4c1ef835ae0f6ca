#include "here.hpp"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "backend/local/local_backend.hpp"
#include "client/remote.hpp"
#include "lock/memory/memory_lock.hpp"
#include "machine.hpp"
#include "queue/memory/memory_queue.hpp"
#include "state_lock.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace baton {
namespace {

namespace fs = std::filesystem;

std::string database_in(const std::string& dir) { return dir + "/baton.db"; }

core::Resources capacity_of(const cli::WorkOptions& options, std::uint32_t slots) {
  auto capacity = options.resources;
  capacity.try_emplace("cpu", static_cast<double>(slots));
  for (const auto& [name, amount] : ram_and_gpus()) capacity.try_emplace(name, amount);
  return capacity;
}

class StateDirectory final : public cli::Workplace {
 public:
  /// What a state directory needs first; in this order, so that nothing is opened that another holds.
  struct Taken {
    bool made;  ///< the folder was not there
    std::unique_ptr<StateLock> lock;
    std::unique_ptr<SqliteStore> store;
  };
  StateDirectory(AsioRuntime& runtime, cli::WorkOptions options, Taken taken)
      : dir_(options.dir),
        made_(taken.made),
        slots_(options.jobs.value_or(cpus())),
        capacity_(capacity_of(options, slots_)),
        taken_(std::move(taken.lock)),
        store_(std::move(taken.store)),
        broker_([&runtime] { return runtime.steady(); }),
        queue_(broker_, runtime),
        locks_([&runtime] { return runtime.steady(); }),
        lock_(locks_, runtime),
        backend_(std::make_unique<local::LocalBackend>(runtime, runtime.io().get_executor(),
                                                       local::LocalOptions{.state = options.dir,
                                                                           .out = options.out,
                                                                           .slots = slots_,
                                                                           .resources = capacity_,
                                                                           .environment = local::own_environment()})) {}

  Store& store() override { return *store_; }
  Queue& queue() override { return queue_; }
  Lock& lock() override { return lock_; }
  Backend& backend() override { return *backend_; }
  [[nodiscard]] core::Resources capacity() const override { return capacity_; }
  [[nodiscard]] std::string note() const override { return store_->note(); }
  void discard() override {
    if (!made_) return;
    backend_.reset();
    store_.reset();
    std::error_code ignored;  // what is left over is empty, and does no harm
    fs::remove_all(dir_, ignored);
  }

 private:
  std::string dir_;
  bool made_;
  std::uint32_t slots_;
  core::Resources capacity_;
  std::unique_ptr<StateLock> taken_;
  std::unique_ptr<SqliteStore> store_;
  MemoryBroker broker_;
  MemoryQueue queue_;
  MemoryLocks locks_;
  MemoryLock lock_;
  std::unique_ptr<local::LocalBackend> backend_;
};

}  // namespace

Result<std::unique_ptr<cli::Workplace>> Here::work(cli::WorkOptions options) {
  std::error_code wrong;
  const bool made = fs::create_directories(options.dir, wrong);
  if (wrong)
    return fail({.code = "state.unusable",
                 .what = "the state directory cannot be made: " + wrong.message(),
                 .where = options.dir,
                 .way_out = "give another one with --state"});
  auto lock = StateLock::take(options.dir, options.project);
  if (!lock) return fail(lock.error());
  auto store = SqliteStore::open(runtime_, {.path = database_in(options.dir)});
  if (!store) return fail(store.error());
  return std::make_unique<StateDirectory>(
      runtime_, std::move(options), StateDirectory::Taken{.made = made, .lock = std::move(*lock), .store = std::move(*store)});
}

Result<std::unique_ptr<Store>> Here::read(std::string dir) {
  auto store = SqliteStore::open(runtime_, {.path = database_in(dir), .read_only = true});
  if (!store) return fail(store.error());
  return std::unique_ptr<Store>(std::move(*store));
}

Result<std::unique_ptr<Server>> Here::server(cli::ServerOptions options) {
  auto servers = client::addresses_from(options.urls);
  if (!servers) return fail(servers.error());
  client::RemoteOptions remote;
  remote.servers = std::move(*servers);
  remote.user = options.user;
  remote.trouble = std::move(options.trouble);
  return std::make_unique<client::Remote>(runtime_, runtime_.io().get_executor(), std::move(remote));
}

std::optional<cli::Holder> Here::holder(const std::string& dir) { return StateLock::holder(dir); }

bool Here::interrupt(const cli::Holder& holder) { return ::kill(holder.pid, SIGTERM) == 0; }

void Here::leave(int code) { ::_exit(code); }

}  // namespace baton
