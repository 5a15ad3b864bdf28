"""C++, Objective-C and their names: through mlcc, mlcc++ and links to them."""

from __future__ import annotations

import subprocess

import pytest
from behaviour import Pair

CXX = """#include <stdexcept>
#include <string>
#include <vector>
struct Base { virtual ~Base() {} virtual int value() const { return 1; } };
struct Derived : Base { int value() const override { return 2; } };
static int total(const std::vector<Base *> &all) {
  int sum = 0;
  for (auto *b : all) sum += b->value();
  if (sum > 2) throw std::runtime_error(std::string("too much: ") + std::to_string(sum));
  return sum;
}
int main() {
  Base b; Derived d;
  try { total({&b, &d}); } catch (const std::exception &e) { return std::string(e.what()) == "too much: 3" ? 0 : 1; }
  return 2;
}
"""
COROUTINE = """#include <coroutine>
struct Task { struct promise_type { int v = 0; Task get_return_object() { return {this}; }
  std::suspend_never initial_suspend() { return {}; } std::suspend_always final_suspend() noexcept { return {}; }
  void return_value(int x) { v = x; } void unhandled_exception() {} };
  promise_type *p; };
static Task f(int n) { int s = 0; for (int i = 0; i < n; i++) { co_await std::suspend_never{}; s += i; } co_return s; }
int main() { return f(5).p->v - 10; }
"""
OBJC = """__attribute__((objc_root_class)) @interface A
+ (int)two;
@end
@implementation A
+ (int)two { return 2; }
@end
"""


@pytest.mark.parametrize(
    "flags", ["", "-fno-rtti -fno-exceptions -fsyntax-only", "-g", "-std=c++11 -Wall -Wextra -Werror"]
)
def test_cxx_compiles_as_with_clang(pair: Pair, flags: str) -> None:
    pair.write({"a.cc": CXX})
    pair.check(f"{{O}} {flags} -c a.cc", cxx=True)
    pair.check(f"{{O}} {flags} -c a.cc")


@pytest.mark.parametrize("text", [CXX, COROUTINE], ids=["exceptions", "coroutines"])
def test_cxx_programs_work(pair: Pair, text: str) -> None:
    pair.write({"a.cc": text})
    pair.check_program("{O} -std=c++20 a.cc -o out", cxx=True)


@pytest.mark.parametrize(("name", "option"), [("a.m", ""), ("a.mm", ""), ("a.c", "-ObjC"), ("a.c", "-x objective-c")])
def test_objective_c_compiles_as_with_clang(pair: Pair, name: str, option: str) -> None:
    pair.write({name: OBJC})
    assert pair.check(f"{{O}} {option} -fobjc-runtime=gnustep-2.0 -c {name} -o a.o").code == 0


@pytest.mark.parametrize(
    ("link", "to", "cxx"),
    [
        ("cc", "mlcc", False),
        ("c++", "mlcc", True),
        ("clang++", "mlcc++", True),
        ("x86_64-linux-gnu-mlcc++", "mlcc", True),
    ],
)
def test_a_link_under_another_name_compiles(pair: Pair, link: str, to: str, cxx: bool) -> None:
    folder = pair.folder / "links"
    folder.mkdir()
    folder.joinpath(link).symlink_to(pair.installation.bin / to)
    pair.write({"a.cc": CXX, "a.c": "int main(void) { return 0; }\n"})
    environment = {"MLCC_POLICY": str(pair.installation.root / "change"), "MLCC_STRICT": "1"}
    made = pair.outcome([folder / link, "-O=ml-size", "a.cc" if cxx else "a.c", "-o", "out"], **environment)
    assert (made.code, made.stderr) == (0, b"")
    assert pair.run(made).code == 0


def test_a_link_named_clang_on_the_path_finds_the_real_clang(pair: Pair) -> None:
    folder = pair.folder / "first"
    folder.mkdir()
    folder.joinpath("clang-19").symlink_to(pair.installation.bin / "mlcc")
    path = f"{folder}:{pair.installation.environment['PATH']}"
    done = subprocess.run(
        [folder / "clang-19", "-dumpversion"],
        env=pair.installation.environment | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split(".")[0]) == (0, "19")
