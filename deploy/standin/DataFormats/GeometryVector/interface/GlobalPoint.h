#ifndef STANDIN_DATAFORMATS_GEOMETRYVECTOR_INTERFACE_GLOBALPOINT_H
#define STANDIN_DATAFORMATS_GEOMETRYVECTOR_INTERFACE_GLOBALPOINT_H

// Points are in single precision [cm].
class GlobalPoint {
public:
  GlobalPoint(float x = 0, float y = 0, float z = 0) : x_(x), y_(y), z_(z) {}
  float x() const { return x_; }
  float y() const { return y_; }
  float z() const { return z_; }

private:
  float x_, y_, z_;
};

class LocalPoint : public GlobalPoint {
  using GlobalPoint::GlobalPoint;
};

#endif
