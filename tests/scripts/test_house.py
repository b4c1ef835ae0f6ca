"""Each rule of the house can be broken, and is seen when it is."""
import tempfile
import unittest
import unittest.mock
from pathlib import Path

import house

ROOMS = house.rooms_of("""
baton_room(core NEEDS OpenSSL::Crypto)
baton_room(ports USES core NEEDS Boost::headers)
baton_room(store/codec USES core)
baton_room(store/sqlite USES core ports
  store/codec NEEDS Boost::headers SQLite::SQLite3)
""")


class Arrows(unittest.TestCase):
    def broken(self, path, text):
        return [(f.line, f.what) for f in house.check_arrows(path, text, ROOMS)]

    def test_the_table_is_read_over_several_lines(self):
        self.assertEqual(ROOMS["store/sqlite"].uses, {"core", "ports", "store/codec"})
        self.assertEqual(ROOMS["store/sqlite"].needs, {"Boost::headers", "SQLite::SQLite3"})
        self.assertEqual(ROOMS["core"].uses, frozenset())

    def test_an_arrow_of_the_table_is_allowed(self):
        self.assertEqual(self.broken("store/sqlite/store.cpp", '#include "store/sqlite/store.hpp"\n#include "store/codec/row.hpp"\n#include <sqlite3.h>\n'), [])

    def test_an_arrow_that_points_the_wrong_way_is_seen(self):
        self.assertEqual([line for line, _ in self.broken("core/dag.cpp", '#include "core/dag.hpp"\n#include "ports/store.hpp"\n')], [2])
        self.assertEqual([line for line, _ in self.broken("store/codec/row.cpp", '#include "store/sqlite/store.hpp"\n')], [1])

    def test_the_other_kind_of_brackets_hides_no_arrow(self):
        self.assertEqual(len(self.broken("core/dag.cpp", "#include <ports/store.hpp>\n")), 1)

    def test_an_arrow_does_not_reach_further_than_one_room(self):
        self.assertEqual(len(self.broken("ports/store.hpp", '#include "store/codec/row.hpp"\n')), 1)

    def test_a_library_from_outside_must_be_in_needs(self):
        self.assertEqual(len(self.broken("core/dag.cpp", "#include <boost/asio/awaitable.hpp>\n")), 1)
        self.assertEqual(len(self.broken("ports/store.hpp", "#include <sqlite3.h>\n")), 1)
        self.assertEqual(self.broken("ports/store.hpp", "#include <boost/asio/awaitable.hpp>\n"), [])

    def test_a_file_without_a_room_is_seen(self):
        self.assertEqual(len(self.broken("attic/old.cpp", "")), 1)

    def test_an_include_in_a_comment_is_none(self):
        self.assertEqual(self.broken("core/dag.cpp", '// #include "ports/store.hpp"\n/*\n#include "ports/store.hpp"\n*/\n'), [])


class Headers(unittest.TestCase):
    def heads(self, source):
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.object(house, "ROOT", Path(folder)):
            room = Path(folder) / "src" / "core"
            room.mkdir(parents=True)
            (room / "dag.hpp").touch()
            if source is not None:
                (room / "dag.cpp").write_text(source)
            return house.heads_its_source(room / "dag.hpp")

    def test_one_at_the_head_of_its_own_source_is_compiled_there(self):
        self.assertTrue(self.heads('// why\n#include "core/dag.hpp"\n#include <map>\n'))

    def test_any_other_is_looked_at_by_itself(self):
        for source in [None, "", '#include <map>\n#include "core/dag.hpp"\n', '#include "core/key.hpp"\n', "#include <core/dag.hpp>\n"]:
            with self.subTest(source):
                self.assertFalse(self.heads(source))


class Purity(unittest.TestCase):
    def broken(self, text, path="core/x.cpp", header=""):
        names = house.unordered_names(house.without_comments(header + text))
        return [f.line for f in house.check_purity(path, text, names)]

    def test_time_chance_threads_and_files_are_seen(self):
        for code in ["auto t = std::chrono::system_clock::now();", "std::random_device d;", "std::thread t;", "boost::asio::steady_timer t(ex);", "co_spawn(ex, f(), detached);",
                     "std::this_thread::yield();", "#include <thread>", "#include <fstream>", "std::ifstream f(path);", "#include <sys/stat.h>", "std::mutex m;",
                     "#include <boost/asio/steady_timer.hpp>", "std::uniform_int_distribution<int> d;", 'getenv("HOME");']:
            with self.subTest(code):
                self.assertEqual(set(self.broken("\n" + code, "scheduling/x.cpp")), {2})

    def test_durations_and_injected_time_are_allowed(self):
        self.assertEqual(self.broken('Duration d = std::chrono::seconds(5); auto now = runtime.wall(); co_await runtime.sleep(d); run(now); // steady_clock::now()\nlog("std::thread");'), [])

    def test_boost_is_for_scheduling_and_not_for_core(self):
        self.assertEqual(self.broken("#include <boost/asio/awaitable.hpp>\n", "core/x.hpp"), [1])
        self.assertEqual(self.broken("#include <boost/asio/awaitable.hpp>\n", "scheduling/x.hpp"), [])

    def test_walking_an_unordered_container_is_seen(self):
        member = "struct S { std::unordered_map<JobId, std::vector<Index>> jobs_; };\n"
        for code in ["for (const auto& [id, i] : jobs_) f(i);", "for (auto& x : run.jobs_) {}", "auto at = jobs_.begin();", "std::ranges::sort(jobs_);",
                     "auto v = jobs_ | std::views::keys;", "auto it = std::begin(this->jobs_);", "std::vector<int> v(s.jobs_.cbegin(), s.jobs_.cend());"]:
            with self.subTest(code):
                self.assertEqual(self.broken(code, header=member), [1])

    def test_an_alias_does_not_hide_it(self):
        self.assertEqual(self.broken("using Names = std::unordered_set<std::string>;\nNames names;\nfor (const auto& n : names) f(n);\n"), [3])

    def test_looking_up_is_allowed(self):
        self.assertEqual(self.broken("std::unordered_map<int, int> m;\nauto at = m.find(3);\nif (at == m.end()) m.emplace(3, 4);\nm.erase(3);\nfor (auto x : other) m[x] = 1;\nreturn m.contains(3);\n"), [])

    def test_ordered_containers_may_be_walked(self):
        self.assertEqual(self.broken("std::map<int, int> m;\nfor (auto& [a, b] : m) f(a);\n"), [])


class Names(unittest.TestCase):
    def broken(self, text, path="tests/unit/core/x_test.cpp"):
        return len(house.check_names(path, text))

    def test_a_sentence_is_a_name(self):
        self.assertEqual(self.broken("TEST(Lease, a_slow_answer_does_not_lengthen_the_trust) {}\nTEST_F(Store, a_FAILED_task_stays) {}\nINSTANTIATE_TEST_SUITE_P(All, Store, x);\n"), 0)
        self.assertEqual(self.broken("    def test_it_goes_on(self):\n", "tests/e2e/test_x.py"), 0)

    def test_other_names_are_seen(self):
        for code in ["TEST(Lease, Works) {}", "TEST(lease, it_works) {}", "TEST(Lease_Test, it_works) {}", "TEST_P(Store, test) {}"]:
            with self.subTest(code):
                self.assertEqual(self.broken(code), 1)
        self.assertEqual(self.broken("    def test_resume(self):\n", "tests/e2e/test_x.py"), 1)


class MarksAndMutants(unittest.TestCase):
    def test_unfinished_marks_are_seen(self):
        for text in ["// TO" + "DO: later", "# FIX" + "ME", "TEST(A, DIS" + "ABLED_it_works)"]:
            with self.subTest(text):
                self.assertEqual(len(house.check_marks("src/x.cpp", text)), 1)
        self.assertEqual(house.check_marks("src/x.cpp", "// nothing to do"), [])

    def test_switches_that_are_left_in_a_binary_are_seen(self):
        names = house.mutant_names("enum class Mutant : std::uint8_t {\n  none,\n  early_ack,  ///< before, or so\n  no_bar,\n};\n")
        self.assertEqual(names, ["early_ack", "no_bar"])
        self.assertEqual(house.mutants_in(b"\x7fELF\0early_ack\0", names), ["early_ack"])
        self.assertEqual(house.mutants_in(b"\x7fELF\0_ZN5baton4core6mutantENS0_6MutantE\0", names), ["mutant", "Mutant"])
        self.assertEqual(house.mutants_in(b"\x7fELF\0early_bird\0", names), [])

    def test_the_switches_have_names(self):
        names = house.mutant_names((house.ROOT / "src/core/mutants.hpp").read_text())
        self.assertGreaterEqual(len(names), 10)


class Reading(unittest.TestCase):
    def test_comments_and_strings_are_blanked_in_place(self):
        text = 'a = "x // y"; // z\nb = R"~(\n"q)~"; /* c\n */ d = 10\'000; e = \'"\'; f();'
        blank = house.without_comments(text)
        self.assertEqual(len(blank), len(text))
        self.assertEqual(blank.count("\n"), text.count("\n"))
        self.assertEqual(blank.split(), ["a", "=", ";", "b", "=", ";", "d", "=", "10'000;", "e", "=", ";", "f();"])
