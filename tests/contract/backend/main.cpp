// The tests, and, called as `keeper --state DIR`, the keeper that their local backends start; called as `follow STATE ROOT ROUND`, a replica
// that a test kills.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

#include "backend/local/keeper.hpp"
#include "local_replicas.hpp"

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "keeper") {
    const char* oom_file = std::getenv("BATON_TEST_OOM_FILE");
    return baton::local::keeper_main({.state = argv[3], .oom_file = oom_file == nullptr ? "" : oom_file});
  }
  if (argc == 5 && std::string_view(argv[1]) == "follow") {
    baton::test::follow_round(argv[2], argv[3], std::atoi(argv[4]));
    return 0;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
