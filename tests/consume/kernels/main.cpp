// Never compiled: DESCENT_COMPILE(HalfWay)
int other();
int main() { return other(); }
